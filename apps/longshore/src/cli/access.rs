//! `longshore token` and `longshore audit`.

use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::Role;

use super::Target;

/// `longshore token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make an access token and print it, this once, alone on stdout
    #[command(after_help = "Examples:\n  longshore token create --name ada\n  \
        longshore token create --name wall --role readOnly --client lab --expires 30d\n  \
        longshore token create --name ci --expires 12h > ci.token")]
    Create(TokenCreate),
    /// Show the access tokens, without their secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
    /// Revoke an access token; whoever came in with it is sent away at once
    Revoke {
        /// Name or id
        #[arg(value_name = "TOKEN")]
        which: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
}

/// `longshore token create`
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// Name of whoever gets it; others see it beside what they say
    #[arg(long)]
    pub name: String,
    /// What they may do: look (readOnly), talk to agents (user), everything (admin)
    #[arg(long, default_value = "user", value_name = "ROLE")]
    pub role: Role,
    /// Name or id of a manager that they may see; may be given several times [default: all]
    #[arg(long = "client", value_name = "NAME")]
    pub clients: Vec<String>,
    /// How long it is good, such as 30d, 12h or 15m [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub expires: Option<Duration>,
    /// Print JSON, which has the token, too
    #[arg(long)]
    pub json: bool,
    /// Which controller.
    #[command(flatten)]
    pub target: Target,
}

/// `longshore audit`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  longshore audit --limit 20\n  longshore audit --follow --json | jq .action"
)]
pub struct Audit {
    /// How many of the newest entries to show
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: usize,
    /// Go on with what is new, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print JSON, an object a line
    #[arg(long)]
    pub json: bool,
    /// Which controller.
    #[command(flatten)]
    pub target: Target,
}

/// A number and a unit: seconds, minutes, hours, days or weeks.
fn span(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number and s, m, h, d or w, such as 30d".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    let span = count.checked_mul(seconds).filter(|span| *span > 0);
    span.map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "d", "30", "30y", "-1d", "0d", "1.5h", "99999999999999999999d", "9é"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        assert!(span(&format!("{}w", u64::MAX)).is_err());
    }
}
