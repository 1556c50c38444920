//! The table that is printed at the end.

/// Named figures of one scenario on one system.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, &'static str, Figures)>,
}

impl Report {
    /// Adds a scenario's figures and says them at once.
    pub(crate) fn add(&mut self, scenario: &'static str, system: &'static str, figures: Figures) {
        for (name, value) in &figures {
            eprintln!("{scenario:12} {system:10} {name:34} {value:>14.2}");
        }
        self.rows.push((scenario, system, figures));
    }

    /// Prints a Markdown table, the peer's figure over longshore's in the last column.
    pub(crate) fn print(&self) {
        println!("| scenario | figure | longshore | Node relay | Node / longshore |");
        println!("|---|---|---|---|---|");
        for (scenario, system, figures) in &self.rows {
            if *system == "node" {
                continue;
            }
            for (name, value) in figures {
                let peer = self.find(scenario, name);
                let theirs = peer.map_or("–".to_owned(), |peer| format!("{peer:.2}"));
                let ratio = peer.map_or("–".to_owned(), |peer| format!("{:.2}", peer / value));
                println!("| {scenario} ({system}) | {name} | {value:.2} | {theirs} | {ratio} |");
            }
        }
    }

    fn find(&self, scenario: &str, figure: &str) -> Option<f64> {
        let row = self.rows.iter().find(|(s, system, _)| s == &scenario && *system == "node")?;
        row.2.iter().find(|(name, _)| *name == figure).map(|(_, value)| *value)
    }
}

/// The value that this share of the sorted samples is below.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    // A sample count fits a float exactly, and the product is within the slice.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = (last as f64 * share) as usize;
    samples.get(index).copied().unwrap_or(f64::NAN)
}
