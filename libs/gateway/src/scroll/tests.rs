use proptest::prelude::*;

use super::*;

fn scroll() -> Arc<Scroll> {
    Scroll::new(AgentId::new("a").unwrap(), SessionId::new("s").unwrap())
}

fn end() -> Arc<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap().into()
}

/// All that there is from a cursor on: where each piece begins, and the text.
fn all(scroll: &Scroll, mut cursor: Option<u64>) -> (Vec<u64>, String) {
    let (mut offsets, mut text) = (Vec::new(), String::new());
    while let Some(Piece::Output(output)) = scroll.read(&mut cursor) {
        offsets.push(output.offset);
        text.push_str(&output.data);
    }
    (offsets, text)
}

#[test]
fn a_viewer_goes_on_where_it_was() {
    let scroll = scroll();
    scroll.append("one ");
    let mut cursor = None;
    assert!(
        matches!(scroll.read(&mut cursor), Some(Piece::Output(output)) if output.data == "one ")
    );

    scroll.append("two ");
    scroll.append("three");

    assert_eq!(all(&scroll, cursor), (vec![4], "two three".to_owned()));
    assert_eq!(all(&scroll, None), (vec![0], "one two three".to_owned()));
    assert_eq!(scroll.end(), 13);
}

#[test]
fn a_viewer_that_is_too_slow_skips_to_the_oldest_that_is_kept() {
    let scroll = scroll();
    scroll.append("begin");
    let line = "x".repeat(1_000);
    for _ in 0..2_000 {
        scroll.append(&line);
    }

    let (offsets, text) = all(&scroll, Some(5));

    assert_eq!(scroll.end(), 2_000_005);
    assert!(text.len() <= SCROLLBACK && text.len() > SCROLLBACK - 2 * BLOCK, "{}", text.len());
    assert_eq!(offsets[0], scroll.end() - text.len() as u64);
    assert!(scroll.lock().kept.blocks.iter().all(|block| block.len() <= BLOCK));
}

#[test]
fn small_output_costs_no_more_than_its_bytes() {
    let scroll = scroll();
    for _ in 0..20_000 {
        scroll.append("x");
    }

    assert_eq!(scroll.lock().kept.blocks.len(), 20_000_usize.div_ceil(BLOCK));
}

#[test]
fn the_end_comes_behind_the_output_and_only_the_first_counts() {
    let scroll = scroll();
    scroll.append("last");
    scroll.close(end());
    scroll.close(RawValue::from_string("7".to_owned()).unwrap().into());

    let mut cursor = None;
    assert!(matches!(scroll.read(&mut cursor), Some(Piece::Output(_))));
    assert!(matches!(scroll.read(&mut cursor), Some(Piece::Closed(how)) if how.get() == "{}"));
}

#[test]
fn a_cursor_that_nobody_could_have_is_answered_with_whole_characters() {
    let scroll = scroll();
    scroll.append("aé漢🦀");

    assert_eq!(all(&scroll, Some(2)), (vec![3], "漢🦀".to_owned()));
    assert_eq!(all(&scroll, Some(7)), (Vec::new(), String::new()));
    assert_eq!(all(&scroll, Some(u64::MAX)), (Vec::new(), String::new()));
}

#[test]
fn what_comes_again_is_not_shown_again_and_what_is_missing_is_skipped() {
    let scroll = scroll();
    scroll.append_at(0, "one ");
    scroll.append_at(0, "one ");
    scroll.append_at(2, "e two ");
    scroll.append_at(1, "ne");
    assert_eq!(all(&scroll, None), (vec![0], "one two ".to_owned()));

    scroll.append_at(100, "later");
    scroll.append_at(0, "one ");

    assert_eq!(all(&scroll, Some(8)), (vec![100], "later".to_owned()));
}

proptest! {
    #[test]
    fn whatever_is_resent_a_copy_shows_what_the_original_does(
        pieces in proptest::collection::vec("[a-zé漢]{0,40}", 1..30),
        resends in proptest::collection::vec(any::<proptest::sample::Index>(), 30),
    ) {
        let (original, copy) = (scroll(), scroll());
        let mut told = Vec::new();
        for (piece, resend) in pieces.iter().zip(resends) {
            let offset = original.end();
            original.append(piece);
            told.push((offset, piece));
            for (offset, piece) in &told[resend.index(told.len())..] {
                copy.append_at(*offset, piece);
            }
        }
        let (offset, piece) = told[told.len() - 1];
        copy.append_at(offset, piece);
        let missed = copy.end() - copy.lock().kept.length as u64;

        prop_assert_eq!(copy.end(), original.end());
        prop_assert_eq!(all(&copy, None).1, all(&original, Some(missed)).1);
    }
}
