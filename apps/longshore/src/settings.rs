//! Settings: flag, then environment, then `longshore.toml`, then the default.
//!
//! The keys of the file are the names of the flags. Its values become the defaults of the command line
//! before that is read, so that all three are checked by one parser and `--help` shows what holds.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::OsStr;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use protocol::spec::AgentSpec;
use toml::{Table, Value};

use crate::cli::{self, Cli};
use crate::directories;

/// Key of the file that is no flag: a list of tables, each one agent in full.
const AGENTS: &str = "agents";

/// Flags that make no sense in the file.
const NOT_SETTINGS: &[&str] = &["config", "help", "version", "json"];

/// What the user asked for, from all sources.
#[derive(Debug)]
pub struct Invocation {
    /// Flags, environment and file.
    pub cli: Cli,
    /// `[[agents]]` of the file.
    pub agents: Vec<AgentSpec>,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// What is wrong with the file, where that keeps nothing from being done.
    pub problem: Option<anyhow::Error>,
    /// What this was read from.
    pub source: Source,
}

/// What settings were read from, to read them again, and what they were.
#[derive(Clone)]
pub struct Source {
    args: Vec<OsString>,
    values: BTreeMap<String, Vec<OsString>>,
}

/// There are secrets among them.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Source {
    fn new(args: &[OsString], command: &Command, matches: &ArgMatches) -> Self {
        let mut values = BTreeMap::new();
        note(&mut values, command, matches);
        Self { args: args.to_owned(), values }
    }

    /// The command line.
    #[must_use]
    pub fn args(&self) -> Vec<OsString> {
        self.args.clone()
    }

    /// The names of the settings that are others there.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.values.keys().chain(other.values.keys()).collect();
        let differs = |name: &&&String| self.values.get(**name) != other.values.get(**name);
        names.iter().filter(differs).map(|name| (*name).clone()).collect()
    }
}

/// The values of a command's settings, and of its subcommand's.
fn note(values: &mut BTreeMap<String, Vec<OsString>>, command: &Command, matches: &ArgMatches) {
    for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
        let raw = matches.try_get_raw(arg.get_id().as_str()).ok().flatten();
        if let (Some(name), Some(raw)) = (arg.get_long(), raw) {
            values.insert(name.to_owned(), raw.map(ToOwned::to_owned).collect());
        }
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        note(values, command, matches);
    }
}

/// Why there is no invocation.
#[derive(Debug)]
pub enum Refused {
    /// The command line is wrong, or asks for help or the version; clap has the text.
    CommandLine(clap::Error),
    /// The configuration file is wrong.
    File(anyhow::Error),
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(error)
    }
}

/// Reads the command line, the environment and the configuration file.
///
/// # Errors
/// [`Refused`] says which of them is wrong.
pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Refused> {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = Cli::command();
    let matches = command.clone().try_get_matches_from(&args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    match with_file(&args, cli.global.config.as_deref()) {
        Ok(Some(invocation)) => Ok(invocation),
        Ok(None) => Ok(without_file(&args, &command, &matches, cli)),
        // Servers must not run with other settings than were meant; whoever stops one need not wait for the file to be right.
        Err(problem) if !cli.command.needs_file() => Ok(Invocation {
            problem: Some(problem),
            ..without_file(&args, &command, &matches, cli)
        }),
        Err(problem) => Err(Refused::File(problem)),
    }
}

fn without_file(
    args: &[OsString],
    command: &Command,
    matches: &ArgMatches,
    cli: Cli,
) -> Invocation {
    let source = Source::new(args, command, matches);
    Invocation { cli, agents: Vec::new(), file: None, problem: None, source }
}

fn with_file(args: &[OsString], asked: Option<&Path>) -> anyhow::Result<Option<Invocation>> {
    let Some(path) = file(asked)? else { return Ok(None) };
    let place = || format!("configuration file {}", path.display());
    let (table, agents) = load(&path).with_context(place)?;
    let command = with_defaults(Cli::command(), &table).with_context(place)?;
    // The command line alone was fine a moment ago, so what is wrong now stands in the file.
    let wrong = |error| anyhow::anyhow!(first_line(&error)).context(place());
    let matches = command.clone().try_get_matches_from(args).map_err(wrong)?;
    let cli = Cli::from_arg_matches(&matches).map_err(wrong)?;
    let source = Source::new(args, &command, &matches);
    Ok(Some(Invocation { cli, agents, file: Some(path), problem: None, source }))
}

/// Whether every server would take this file.
///
/// # Errors
/// What is wrong with it.
pub fn check(path: &Path) -> anyhow::Result<()> {
    for server in ["up", "controller", "manager"] {
        with_file(&["longshore", server].map(OsString::from), Some(path))?;
    }
    Ok(())
}

/// Where `longshore up` would listen with this file, the controller first.
#[must_use]
pub fn addresses(path: Option<&Path>) -> (IpAddr, [u16; 2]) {
    let args = ["longshore", "up"].map(OsString::from);
    let from_file =
        path.and_then(|path| with_file(&args, Some(path)).ok().flatten()).map(|it| it.cli);
    let cli = from_file.or_else(|| Cli::try_parse_from(&args).ok());
    match cli.map(|cli| cli.command) {
        Some(cli::Command::Up(up)) => (up.server.host, [up.controller_port, up.manager_port]),
        _ => (Ipv4Addr::LOCALHOST.into(), [0, 0]),
    }
}

/// The file that was asked for, or the usual one if it is there.
fn file(asked: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    match asked {
        Some(path) if path.is_file() => Ok(Some(path.to_owned())),
        Some(path) => bail!("configuration file {} does not exist", path.display()),
        None => Ok(directories::configuration()
            .map(|dir| dir.join("longshore.toml"))
            .filter(|p| p.is_file())),
    }
}

fn load(path: &Path) -> anyhow::Result<(Table, Vec<AgentSpec>)> {
    let text = std::fs::read_to_string(path)?;
    let mut table: Table = text.parse()?;
    let agents = match table.remove(AGENTS) {
        Some(value) => {
            value.try_into().map_err(|error| anyhow::anyhow!(hint(&error))).context(AGENTS)?
        }
        None => Vec::new(),
    };
    let known = known_keys(&Cli::command());
    if let Some(key) = table.keys().find(|key| !known.contains(*key)) {
        bail!("unknown key \"{key}\"{}", nearest(key, known.iter().map(String::as_str)));
    }
    for agent in &agents {
        AgentSpec::check(agent).with_context(|| format!("agent \"{}\"", agent.name))?;
    }
    Ok((table, agents))
}

/// The settings of all commands, by the names of their flags.
fn known_keys(command: &Command) -> BTreeSet<String> {
    let own = command
        .get_arguments()
        .filter(|arg| arg.get_env().is_some())
        .filter_map(|arg| arg.get_long());
    let own = own.filter(|name| !NOT_SETTINGS.contains(name)).map(str::to_owned);
    let mut keys: BTreeSet<String> = own.chain([AGENTS.to_owned()]).collect();
    for sub in command.get_subcommands() {
        keys.extend(known_keys(sub));
    }
    keys
}

/// `; did you mean …?` for the known name closest to a misspelt one.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)))
        .map(|best| format!("; did you mean \"{best}\"?"))
        .unwrap_or_default()
}

/// What serde says about a table; for an unknown field, with the nearest of those that it names.
fn hint(error: &toml::de::Error) -> String {
    let message = error.message();
    let mut names = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), names.next()) {
        (true, Some(unknown)) => format!("unknown key \"{unknown}\"{}", nearest(unknown, names)),
        _ => message.to_owned(),
    }
}

/// The command with the file's values as defaults, subcommands included.
fn with_defaults(command: Command, table: &Table) -> anyhow::Result<Command> {
    let mut command = command;
    for (key, value) in table {
        // What has no variable of its own is no setting, be it called like one: which key a manager gets now, say.
        let is_setting = |arg: &&clap::Arg| arg.get_long() == Some(key) && arg.get_env().is_some();
        let argument = command.get_arguments().find(is_setting);
        let Some(id) = argument.map(|arg| arg.get_id().clone()) else { continue };
        let values = words(value).with_context(|| format!("key \"{key}\""))?;
        command = command.mut_arg(id, |arg| arg.default_values(values).required(false));
    }
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let sub = command.find_subcommand(&name).cloned().context("a subcommand is there")?;
        let sub = with_defaults(sub, table)?;
        command = command.mut_subcommand(&name, |_| sub);
    }
    Ok(command)
}

/// A value as it would stand on the command line.
fn words(value: &Value) -> anyhow::Result<Vec<OsStr>> {
    Ok(match value {
        Value::String(text) => vec![OsStr::from(text.clone())],
        Value::Integer(number) => vec![OsStr::from(number.to_string())],
        Value::Float(number) => vec![OsStr::from(number.to_string())],
        Value::Boolean(flag) => vec![OsStr::from(flag.to_string())],
        Value::Array(items) => {
            let items: anyhow::Result<Vec<_>> = items.iter().map(words).collect();
            items?.into_iter().flatten().collect()
        }
        Value::Datetime(_) | Value::Table(_) => {
            bail!("expected a text, a number, true or false, or a list")
        }
    })
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(file: &str, args: &[&str]) -> Result<Invocation, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("longshore.toml");
        std::fs::write(&path, file).unwrap();
        let args = args.iter().chain(&["--config"]).map(OsString::from);
        read([OsString::from("longshore")].into_iter().chain(args).chain([path.into_os_string()]))
            .map_err(|refused| match refused {
                Refused::CommandLine(error) => error.to_string(),
                Refused::File(error) => format!("{error:#}"),
            })
    }

    fn up(invocation: Invocation) -> cli::Up {
        let cli::Command::Up(up) = invocation.cli.command else { panic!("up") };
        up
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = "controller-port = 9001\nmanager-port = 9002\nagent = [\"calc=bc -l\"]\n";

        let up = up(read_with(file, &["up", "--manager-port", "9003"]).unwrap());

        assert_eq!((up.controller_port, up.manager_port), (9001, 9003));
        assert_eq!(up.agents.agents[0].0.name, "calc");
        assert_eq!(up.server.life.grace.as_secs(), 10);
    }

    #[test]
    fn a_setting_of_another_command_is_no_error() {
        read_with("manager-port = 9002\nhistory = 5\n", &["controller"]).unwrap();
    }

    #[test]
    fn a_key_file_of_the_servers_is_not_the_key_that_a_manager_is_given() {
        let args = ["client", "change", "m", "--name", "n"];

        let read = read_with("api-key-file = \"/k\"\n", &args).unwrap();

        let cli::Command::Client(cli::Client::Change { api_key_file, .. }) = read.cli.command
        else {
            panic!("client change");
        };
        assert_eq!(api_key_file, None);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = read_with("controler-port = 1\n", &["up"]).unwrap_err();

        assert!(
            error.contains("unknown key \"controler-port\"; did you mean \"controller-port\"?"),
            "{error}"
        );
        assert!(error.contains("longshore.toml"), "{error}");
    }

    #[test]
    fn agents_are_read_in_full_and_checked() {
        let file = "[[agents]]\nname = \"sh\"\ncodec = { type = \"lines\", sentinel = \"^done$\" }\n\
            host = { type = \"process\", command = \"sh\" }\n";

        assert_eq!(read_with(file, &["up"]).unwrap().agents[0].name, "sh");
        let error = read_with(&file.replace("sentinel", "sentinal"), &["up"]).unwrap_err();
        assert!(error.contains("unknown key \"sentinal\"; did you mean \"sentinel\"?"), "{error}");
        let error = read_with("[[agents]]\nname = \"\"\ncodec = { type = \"echo\" }\n", &["up"])
            .unwrap_err();
        assert!(error.contains("1 to 128 characters"), "{error}");
    }

    #[test]
    fn a_wrong_value_in_the_file_is_blamed_on_the_file() {
        let error = read_with("controller-port = 99999\n", &["up"]).unwrap_err();

        assert!(error.contains("longshore.toml"), "{error}");
        assert!(error.contains("99999") && error.contains("--controller-port"), "{error}");
    }

    #[test]
    fn a_wrong_file_keeps_nobody_from_what_does_not_need_it() {
        let wrong = "controler-port = 1\n";

        for args in [&["server", "stop"][..], &["health"], &["token", "list"], &["doctor"]] {
            let read = read_with(wrong, args).unwrap();
            assert!(read.problem.is_some(), "{args:?}");
        }
        for args in [&["up"][..], &["server", "start"], &["connect"], &["backup"], &["run", "x"]] {
            assert!(read_with(wrong, args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let args =
            ["longshore", "up", "--config", "/nonexistent/longshore.toml"].map(OsString::from);

        assert!(matches!(read(args), Err(Refused::File(_))));
    }
}
