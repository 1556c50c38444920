//! Rows in columns, aligned for what terminals show: some characters take two cells, some none.

use unicode_width::UnicodeWidthStr;

use crate::out;

/// Between two columns.
const GAP: &str = "  ";

/// Prints them below their titles; nothing when there are none, as a list of nothing is empty.
pub fn print<const N: usize>(titles: [&str; N], rows: &[[String; N]]) {
    if !rows.is_empty() {
        out::line(&text(titles, rows));
    }
}

fn text<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let titles = std::iter::once(titles.map(str::to_owned));
    columns(&titles.chain(rows.iter().cloned()).collect::<Vec<_>>())
}

/// Rows whose columns begin below each other.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().cloned().map(|row| row.map(plain)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width()));
            line.push_str(GAP);
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names come from others: what is no text would move the cursor.
fn plain(cell: String) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_each_other_whatever_is_in_them() {
        let rows =
            [["日本".to_owned(), "idle".to_owned()], ["a\u{1b}[2Jb".to_owned(), "x".to_owned()]];

        assert_eq!(text(["NAME", "STATE"], &rows), "NAME    STATE\n日本    idle\na [2Jb  x");
    }
}
