//! Terminals, files and statistics of agents in containers.

use std::path::Path;
use std::time::Duration;

use protocol::spec::{AgentSpec, Docker};
use runtime::{
    FileError, Home, Place, Shell, Shown, Size, StartError, Stay, Terminal, Unsupported,
};

use super::support::Agent;
use super::yard::{Yard, docker, mounted, shell, shell_with, spec};

/// Longer than anything here takes; reaching it is the failure.
const PATIENCE: Duration = Duration::from_secs(30);
const SIZE: Size = Size { cols: 80, rows: 24 };

struct Open {
    yard: Yard,
    agent: Agent,
    place: Place,
    terminal: Terminal,
    shown: String,
}

fn place(yard: &Yard, spec: &AgentSpec) -> Place {
    Place::of(spec, &yard.place(&yard.containers, "one", Stay::Keep)).unwrap()
}

async fn start(place: &Place, program: &str) -> Result<Terminal, StartError> {
    place.terminal(Shell { program: program.to_owned(), size: SIZE }).await
}

/// Processes in a container, by their command lines.
fn processes(id: &str) -> Vec<String> {
    let listed = docker(&["top", id, "-o", "pid,args"]);
    let lines = listed.lines().skip(1);
    lines.map(|line| line.trim().split_once(' ').unwrap().1.trim().to_owned()).collect()
}

async fn alone(id: &str) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while processes(id).len() > 1 {
        assert!(tokio::time::Instant::now() < until, "{:?}", processes(id));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Open {
    async fn shell() -> Self {
        Self::shell_of(shell_with(|docker| {
            docker.env.insert("PS1".to_owned(), "$ ".to_owned());
            docker.env.insert("COLOUR".to_owned(), "blue".to_owned());
        }))
        .await
    }

    async fn shell_of(spec: AgentSpec) -> Self {
        let yard = Yard::new();
        let mut agent = yard.start(&spec);
        agent.ask("true").await;
        let place = place(&yard, &spec);
        let terminal = start(&place, &place.shell()).await.unwrap();
        let mut open = Self { yard, agent, place, terminal, shown: String::new() };
        open.shows("$ ").await;
        open
    }

    fn types(&mut self, line: &str) {
        assert!(!self.terminal.is_writing());
        self.terminal.write(format!("{line}\r"));
    }

    async fn shows(&mut self, end: &str) {
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
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_shell_is_in_the_agents_container_and_has_its_environment() {
    let mut open = Open::shell().await;

    open.types(
        "hostname; tty; echo \"$COLOUR|$TERM|$(pwd)|\"; stty size; printf 'gr\\303\\274n\\n'",
    );

    let host = open.yard.only()[..12].to_owned();
    open.shows("grün").await;
    let rest = ["/dev/pts/", "\nblue|xterm-256color|/workspace|\r\n24 80\r\n"];
    for part in [host.as_str()].iter().chain(&rest) {
        assert!(open.shown.contains(part), "{part}: {:?}", open.shown);
    }
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn nothing_is_shown_but_what_the_program_says() {
    let mut open = Open::shell().await;

    let all = async |program| {
        let mut terminal = start(&open.place, program).await.unwrap();
        [terminal.next().await, terminal.next().await]
    };

    let only = |text: &str| [Shown::Output(text.to_owned()), Shown::Exited(Some(0))];
    assert_eq!(all("pwd").await, only("/workspace\r\n"));
    assert_eq!(all("/bin/whoami").await, only("root\r\n"));
    open.types("exit");
    assert_eq!(open.exits().await, Some(0));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_new_size_is_there_before_what_is_typed_then() {
    let mut open = Open::shell().await;

    open.terminal.resize(Size { cols: 100, rows: 30 });
    open.terminal.resize(Size { cols: 132, rows: 43 });
    open.types("stty size");

    open.shows("43 132").await;
    assert!(!open.shown.contains("24 80"));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn its_exit_says_the_code_after_all_output_and_ends_what_is_in_the_background() {
    let mut open = Open::shell().await;
    open.types("set -m; (trap '' HUP; exec sleep 1000) & echo do''ne");
    open.shows("done").await;
    assert!(processes(&open.yard.only()).contains(&"sleep 1000".to_owned()));

    open.types("head -c 20000 /dev/zero | tr '\\0' x; echo; printf 'la''st\\303'; exit 7");

    assert_eq!(open.exits().await, Some(7));
    assert!(open.shown.matches('x').count() >= 20_000);
    assert!(open.shown.ends_with("last\u{fffd}"), "half a character is not lost");
    alone(&open.yard.only()).await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn ending_it_ends_what_ignores_that_and_leaves_the_agent_alone() {
    let mut open = Open::shell().await;
    open.types("set -m; trap '' HUP; (trap '' HUP; exec sleep 1000) & echo do''ne");
    open.shows("done").await;
    let id = open.yard.only();
    assert_eq!(processes(&id).len(), 3);

    let ending = open.terminal.end(Duration::from_millis(50));
    tokio::time::timeout(PATIENCE, ending).await.unwrap();

    alone(&id).await;
    assert_eq!(open.agent.ask("echo still here").await.answer(), "still here");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn one_that_has_taken_all_processes_ends() {
    let mut open = Open::shell_of(shell_with(|docker| {
        docker.env.insert("PS1".to_owned(), "$ ".to_owned());
        docker.pids = 8;
    }))
    .await;
    let id = open.yard.only();
    open.types("(while sleep 0.1; do sleep 1000 & done) & echo do''ne");
    open.shows("done").await;
    while processes(&id).len() < 7 {
        tokio::task::yield_now().await;
    }

    tokio::time::timeout(PATIENCE, open.terminal.end(Duration::from_millis(50))).await.unwrap();

    alone(&id).await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn one_that_is_dropped_ends() {
    let open = Open::shell().await;
    let id = open.yard.only();

    drop(open.terminal);

    alone(&id).await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn it_ends_with_the_container() {
    let mut open = Open::shell().await;

    docker(&["kill", &open.yard.only()]);

    assert!(matches!(open.exits().await, None | Some(137)));
    assert_eq!(start(&open.place, "/bin/sh").await.unwrap_err(), StartError::NotRunning);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_is_not_read_holds_its_program_back() {
    let mut open = Open::shell().await;
    open.types("stty raw -echo; echo rea''dy; sleep 1; echo aft''er; exec sleep 1000");
    open.shows("ready").await;

    open.terminal.write("x".repeat(16 << 20));
    let showing = async {
        while !open.shown.contains("after") {
            if let Shown::Output(text) = open.terminal.next().await {
                open.shown.push_str(&text);
            }
        }
    };
    tokio::time::timeout(PATIENCE, showing).await.unwrap();

    assert!(open.terminal.is_writing());
    tokio::time::timeout(PATIENCE, open.terminal.end(Duration::ZERO)).await.unwrap();
    alone(&open.yard.only()).await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_cannot_be_started_says_why() {
    let open = Open::shell().await;
    let why = async |program: &str| start(&open.place, program).await.unwrap_err().to_string();

    assert_eq!(why("/no/such").await, "cannot start /no/such: the container has no such program");
    assert!(why("-c").await.starts_with("cannot start -c: "));
    assert!(why("").await.starts_with("cannot start : "));
    docker(&["exec", &open.yard.only(), "rm", "/bin/sh"]);
    let why = why("/bin/busybox").await;
    assert!(why.contains("/bin/sh") && why.contains("no such file"), "{why}");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn before_the_first_message_there_is_nothing_to_be_in() {
    let yard = Yard::new();
    let place = place(&yard, &shell());

    assert_eq!(start(&place, "/bin/sh").await.unwrap_err(), StartError::NotRunning);
    assert_eq!(place.meter().measure().await, None);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn files_are_the_same_inside_and_outside() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    let place = place(&yard, &shell());

    let files = place.files().unwrap();
    files.write("note", "from outside\n".to_owned(), None, None).unwrap();
    assert_eq!(agent.ask("cat note; echo inside > back").await.answer(), "from outside");

    assert_eq!(files.read("back", 0, 100, None).unwrap().content, "inside\n");
    agent.ask("ln -s /etc/passwd away").await;
    assert!(matches!(files.read("away", 0, 100, None), Err(FileError::Denied)));
    let elsewhere =
        shell_with(|docker| docker.mounts.push(mounted(Path::new("/tmp"), "/workspace")));
    let refused = Place::of(&elsewhere, &yard.place(&yard.containers, "one", Stay::Keep));
    let refused = refused.unwrap().files().unwrap_err();
    assert!(matches!(refused, FileError::Unsupported(Unsupported::OtherDirectory)));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn all_containers_of_the_agent_are_measured_together() {
    let yard = Yard::new();
    let spec = shell_with(|docker| docker.memory_mib = Some(64));
    let mut agent = yard.start(&spec);
    agent.ask("true").await;
    let mut meter = place(&yard, &spec).meter();

    let first = meter.measure().await.unwrap();
    let mut other = yard.start_at(&spec, yard.place(&yard.containers, "two", Stay::Remove));
    other.ask("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").await;
    let second = meter.measure().await.unwrap();

    assert_eq!((first.cpu_percent, first.memory_limit_bytes), (None, Some(64 << 20)));
    assert_eq!((first.processes, second.processes), (1, 2));
    assert!(first.memory_bytes > 10_000, "{first:?}");
    assert!(second.cpu_percent.unwrap() > 1.0, "{second:?}");
    assert_eq!(second.memory_limit_bytes, Some(128 << 20));
    other.stop().await;
    agent.stop().await;
    assert_eq!(meter.measure().await, None);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_container_of_somebody_else_has_terminals_and_statistics_but_no_files() {
    let yard = Yard::new();
    let name = format!("longshore-{}", yard.rules.manager);
    let label = format!("longshore.manager={}", yard.rules.manager);
    let image = super::yard::IMAGE;
    docker(&["run", "-di", "--name", &name, "--label", &label, "-e", "PS1=$ ", image, "cat"]);
    let named = Docker { image: None, container: Some(name), ..Docker::image(image) };
    let place = place(&yard, &spec(named));

    let mut terminal = start(&place, "sh").await.unwrap();

    let Shown::Output(shown) = terminal.next().await else { panic!("it shows something") };
    assert!(!shown.is_empty());
    assert!(place.meter().measure().await.unwrap().processes >= 2);
    assert!(matches!(place.files(), Err(FileError::Unsupported(_))));
    terminal.end(Duration::from_millis(500)).await;
    alone(&yard.only()).await;
}

#[test]
fn a_place_without_containers_is_none() {
    let unsupported = Place::of(&shell(), &Home::new(Path::new("/tmp"))).unwrap_err();

    assert_eq!(unsupported, Unsupported::NoContainers);
}
