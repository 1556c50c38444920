//! Terminals with real programs in them.

use std::path::Path;
use std::time::Duration;

use protocol::spec::{AgentSpec, Host};
use runtime::{Home, Place, Shell, Shown, Size, Terminal, Unsupported};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// Longer than anything here takes; reaching it is the failure.
const PATIENCE: Duration = Duration::from_secs(20);
const SIZE: Size = Size { cols: 80, rows: 24 };

struct Open {
    home: TempDir,
    terminal: Terminal,
    shown: String,
}

fn spec() -> AgentSpec {
    let mut spec = AgentSpec::lines("agent", "cat", Vec::new());
    let Some(Host::Process { env, .. }) = &mut spec.host else { unreachable!() };
    env.extend([("COLOUR".to_owned(), "blue".to_owned()), ("PS1".to_owned(), "$ ".to_owned())]);
    spec
}

fn place(home: &Path) -> Place {
    Place::of(&spec(), &Home::new(home)).expect("it has a host")
}

impl Open {
    async fn shell() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let shell = Shell { program: "/bin/sh".to_owned(), size: SIZE };
        let terminal = place(home.path()).terminal(shell).await.expect("a shell starts");
        let mut open = Self { home, terminal, shown: String::new() };
        // What is typed before that is shown twice.
        open.shows("$ ").await;
        open
    }

    fn types(&mut self, line: &str) {
        assert!(!self.terminal.is_writing());
        self.terminal.write(format!("{line}\r"));
    }

    /// Waits until it has shown something that ends so.
    async fn shows(&mut self, end: &str) -> &str {
        let showing = async {
            while !self.shown.contains(end) || self.terminal.is_writing() {
                match self.terminal.next().await {
                    Shown::Output(text) => self.shown.push_str(&text),
                    Shown::Exited(code) => panic!("exited with {code:?} after {:?}", self.shown),
                }
            }
        };
        let late = tokio::time::timeout(PATIENCE, showing).await.is_err();
        assert!(!late, "waited in vain for {end:?}: {:?}", self.shown);
        &self.shown
    }

    async fn exits(&mut self) -> Option<i32> {
        let exit = async {
            loop {
                match self.terminal.next().await {
                    Shown::Output(text) => self.shown.push_str(&text),
                    Shown::Exited(code) => return code,
                }
            }
        };
        tokio::time::timeout(PATIENCE, exit).await.expect("it exits")
    }

    /// The number behind `mark` in what was shown.
    fn number(&self, mark: &str) -> Pid {
        let (_, rest) = self.shown.split_once(&format!("\n{mark}")).expect(mark);
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        number.parse().ok().and_then(Pid::from_raw).expect("a process id")
    }
}

async fn is_gone(id: Pid) {
    let gone = async {
        while test_kill_process(id).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the process ends");
}

#[tokio::test]
async fn a_shell_has_the_agents_directory_and_environment_and_a_real_terminal() {
    let mut open = Open::shell().await;

    open.types("tty && echo \"$COLOUR|$TERM|${CARGO_MANIFEST_DIR-none}|$(pwd -P)|end\"");

    let home = open.home.path().canonicalize().unwrap();
    let expected = format!("\nblue|xterm-256color|none|{}|end", home.display());
    open.shows(&expected).await;
    assert!(open.shown.contains("/dev/pts/"));
}

#[tokio::test]
async fn its_size_is_what_it_was_made_with_until_it_is_resized() {
    let mut open = Open::shell().await;
    open.types("stty size; trap 'echo \"now $(stty size)\"' WINCH; echo rea''dy");
    open.shows("\n24 80").await;
    open.shows("ready").await;

    open.terminal.resize(Size { cols: 132, rows: 43 });
    open.types("");

    open.shows("now 43 132").await;
}

#[tokio::test]
async fn its_exit_says_the_code_after_all_output() {
    let mut open = Open::shell().await;

    open.types("head -c 20000 /dev/zero | tr '\\0' x; echo; printf 'la''st\\303'; exit 7");

    assert_eq!(open.exits().await, Some(7));
    assert!(open.shown.matches('x').count() >= 20_000);
    assert!(open.shown.ends_with("last\u{fffd}"), "half a character is not lost");
}

#[tokio::test]
async fn one_that_is_killed_has_no_code() {
    let mut open = Open::shell().await;

    open.types("kill -KILL $$");

    assert_eq!(open.exits().await, None);
}

#[tokio::test]
async fn ending_it_ends_what_ignores_that_and_what_is_in_the_background() {
    let mut open = Open::shell().await;
    open.types("set -m; trap '' HUP; (trap '' HUP; exec sleep 1000) & echo ba''ck$! ; echo sh''ell$$; echo do''ne");
    open.shows("\ndone").await;
    let (back, shell) = (open.number("back"), open.number("shell"));

    tokio::time::timeout(PATIENCE, open.terminal.end(Duration::from_millis(50))).await.unwrap();

    is_gone(back).await;
    is_gone(shell).await;
}

#[tokio::test]
async fn what_an_exited_shell_leaves_in_the_background_ends_with_it() {
    let mut open = Open::shell().await;
    open.types("set -m; (trap '' HUP; exec sleep 1000) & echo ba''ck$!; echo do''ne");
    open.shows("\ndone").await;
    let back = open.number("back");

    open.types("exit 0");

    assert_eq!(open.exits().await, Some(0));
    is_gone(back).await;
}

#[tokio::test]
async fn a_program_that_does_not_read_takes_what_the_kernel_keeps_and_goes_on_showing() {
    let mut open = Open::shell().await;
    open.types("stty raw -echo; echo rea''dy; sleep 1; echo aft''er; exec sleep 1000");
    open.shows("ready").await;

    open.terminal.write("x".repeat(1 << 20));
    let showing = async {
        while !open.shown.contains("after") {
            if let Shown::Output(text) = open.terminal.next().await {
                open.shown.push_str(&text);
            }
        }
    };
    tokio::time::timeout(PATIENCE, showing).await.unwrap();

    assert!(open.terminal.is_writing());
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let home = tempfile::tempdir().unwrap();
    let start = async |program: &str| {
        let shell = Shell { program: program.to_owned(), size: SIZE };
        place(home.path()).terminal(shell).await.unwrap_err()
    };

    assert!(start("/no/such/shell").await.to_string().starts_with("cannot start /no/such/shell: "));
    start("a\0b").await;
    start("").await;
}

#[tokio::test]
async fn what_runs_in_a_terminal_is_measured() {
    let mut open = Open::shell().await;
    open.types("echo rea''dy");
    open.shows("\nready").await;
    let mut meter = place(open.home.path()).meter();

    let first = meter.measure().await.unwrap();
    open.types("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo do''ne");
    open.shows("done\r\n").await;
    let second = meter.measure().await.unwrap();

    assert_eq!((first.cpu_percent, first.processes), (None, 1));
    assert!(first.memory_bytes > 100 << 10, "{first:?}");
    assert!(second.cpu_percent.unwrap() > 1.0, "{second:?}");
    open.terminal.end(Duration::from_millis(50)).await;
    assert_eq!(meter.measure().await, None);
}

#[test]
fn what_is_built_in_has_no_place() {
    let unsupported =
        Place::of(&AgentSpec::echo("echo"), &Home::new(Path::new("/tmp"))).unwrap_err();

    assert_eq!(unsupported, Unsupported::BuiltIn);
}
