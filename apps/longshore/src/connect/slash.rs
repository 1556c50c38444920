//! Commands in the conversation: lines that begin with a slash.

/// What `/help` shows.
pub(super) const HELP: &str = "\
/conversation new [name]      make one            /conversation list [text]    show them
/conversation switch <name>   go to one           /conversation info           about this one
/conversation next, prev      the next one        /conversation rename [of] <name>
/conversation delete <name>   delete one          /conversation find, search <text>
/queue                        runs that are open  /queue cancel <id>, promote <id>
/queue interrupt <text>       say it now, instead of what runs
/history [n]                  what was said       /agents [name]               show them, or talk to one
/cancel                       end what runs       /decline                     do not answer what is asked
/clear                        clear the screen    /shutdown                    stop the server
/exit                         leave               //text                       say /text to the agent
Esc clears what is typed, or cancels the run; twice, all runs. Ctrl-C the same; twice, it leaves. Alt-Enter begins a line.";

/// A command, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slash {
    Help,
    Conversation(Conversation),
    Queue(Queue),
    History(u32),
    Agents(Option<String>),
    Cancel,
    Decline,
    Clear,
    Shutdown,
    Exit,
}

/// `/conversation …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversation {
    New(String),
    Switch(String),
    List(Option<String>),
    Info,
    Next,
    Prev,
    Rename(String),
    Delete(String),
    Find(String),
    Search(String),
}

/// `/queue …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Queue {
    List,
    Cancel(String),
    Promote(String),
    Interrupt(String),
}

const COMMANDS: [&str; 11] = [
    "help",
    "conversation",
    "queue",
    "history",
    "agents",
    "cancel",
    "decline",
    "clear",
    "shutdown",
    "exit",
    "quit",
];
const CONVERSATION: [&str; 10] =
    ["new", "switch", "list", "info", "next", "prev", "rename", "delete", "find", "search"];
const QUEUE: [&str; 4] = ["list", "cancel", "promote", "interrupt"];

/// How many entries `/history` shows.
const HISTORY: u32 = 20;
/// How near a word has to be to be meant.
const NEAR: f64 = 0.6;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Command(Slash),
    /// For the agent.
    Said(String),
    /// Something like a command.
    Wrong(String),
}

/// Reads a line.
pub(super) fn read(line: &str) -> Line {
    let trimmed = line.trim();
    if trimmed == "exit" {
        return Line::Command(Slash::Exit);
    }
    if let Some(said) = line.strip_prefix("//") {
        return Line::Said(format!("/{said}"));
    }
    // Of what has several lines the first may begin with a path.
    match trimmed.strip_prefix('/').filter(|_| !line.contains('\n')) {
        None => Line::Said(line.to_owned()),
        Some(command) => match parse(command) {
            Ok(slash) => Line::Command(slash),
            Err(wrong) => Line::Wrong(wrong),
        },
    }
}

fn parse(command: &str) -> Result<Slash, String> {
    let (word, rest) = split(command);
    Ok(match word {
        "help" => Slash::Help,
        "conversation" => Slash::Conversation(conversation(rest)?),
        "queue" => Slash::Queue(queue(rest)?),
        "history" if rest.is_empty() => Slash::History(HISTORY),
        "history" => Slash::History(
            rest.parse().ok().filter(|n| (1..=500).contains(n)).ok_or("/history 1 to 500")?,
        ),
        "agents" => Slash::Agents(Some(rest.to_owned()).filter(|rest| !rest.is_empty())),
        "cancel" => Slash::Cancel,
        "decline" => Slash::Decline,
        "clear" => Slash::Clear,
        "shutdown" => Slash::Shutdown,
        "exit" | "quit" => Slash::Exit,
        other => return Err(unknown("/", other, &COMMANDS)),
    })
}

fn conversation(text: &str) -> Result<Conversation, String> {
    let (word, rest) = split(text);
    let wanted = |what: &str| {
        let rest = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
        rest.ok_or_else(|| format!("/conversation {word} needs {what}"))
    };
    Ok(match word {
        "new" => Conversation::New(rest.to_owned()),
        "switch" => Conversation::Switch(wanted("a name")?),
        "" | "list" => Conversation::List(Some(rest.to_owned()).filter(|rest| !rest.is_empty())),
        "info" => Conversation::Info,
        "next" => Conversation::Next,
        "prev" => Conversation::Prev,
        "rename" => Conversation::Rename(wanted("a name")?),
        "delete" => Conversation::Delete(wanted("a name")?),
        "find" => Conversation::Find(wanted("something to look for")?),
        "search" => Conversation::Search(wanted("something to look for")?),
        other => return Err(unknown("/conversation ", other, &CONVERSATION)),
    })
}

fn queue(text: &str) -> Result<Queue, String> {
    let (word, rest) = split(text);
    let wanted = |what: &str| {
        let rest = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
        rest.ok_or_else(|| format!("/queue {word} needs {what}"))
    };
    Ok(match word {
        "" | "list" => Queue::List,
        "cancel" => Queue::Cancel(wanted("the id of a run, or its beginning")?),
        "promote" => Queue::Promote(wanted("the id of a run, or its beginning")?),
        "interrupt" => Queue::Interrupt(wanted("a message")?),
        other => return Err(unknown("/queue ", other, &QUEUE)),
    })
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn unknown(before: &str, word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|known| (known, strsim::jaro_winkler(known, word)))
        .filter(|(_, score)| *score >= NEAR)
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let meant = near.map(|(near, _)| format!("did you mean {before}{near}? "));
    format!(
        "no command {before}{word}: {}/help shows all, // says it to the agent",
        meant.unwrap_or_default()
    )
}

/// What may come at the end of a line that is being typed, and where that begins. `names` are of conversations and agents.
pub(super) fn complete(
    line: &str,
    conversations: &[String],
    agents: &[String],
) -> (usize, Vec<String>) {
    let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        return (0, Vec::new());
    };
    let begins = |known: &[&str], word: &str, at: usize| {
        let fits = known.iter().filter(|known| known.starts_with(word));
        (at, fits.map(|known| format!("{known} ")).collect::<Vec<_>>())
    };
    let names = |known: &[String], word: &str| {
        let fits =
            known.iter().filter(|known| known.to_lowercase().starts_with(&word.to_lowercase()));
        (line.len() - word.len(), fits.cloned().collect::<Vec<_>>())
    };
    match command.split_once(' ') {
        None => begins(&COMMANDS, command, 1),
        Some(("agents", word)) => names(agents, word),
        Some(("queue", word)) if !word.contains(' ') => {
            begins(&QUEUE, word, line.len() - word.len())
        }
        Some(("conversation", rest)) => match rest.split_once(' ') {
            None => begins(&CONVERSATION, rest, line.len() - rest.len()),
            Some(("switch" | "delete", word)) => names(conversations, word),
            Some(_) => (0, Vec::new()),
        },
        Some(_) => (0, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let of = |line: &str| match read(line) {
            Line::Command(slash) => slash,
            other => panic!("{line}: {other:?}"),
        };

        assert_eq!(of(" /exit "), Slash::Exit);
        assert_eq!(of("exit"), Slash::Exit);
        assert_eq!(of("/history 5"), Slash::History(5));
        assert_eq!(of("/conversation"), Slash::Conversation(Conversation::List(None)));
        let switch = Conversation::Switch("My notes".into());
        assert_eq!(of("/conversation  switch My notes"), Slash::Conversation(switch));
        assert_eq!(
            of("/queue interrupt stop it"),
            Slash::Queue(Queue::Interrupt("stop it".into()))
        );
        assert_eq!(of("/agents"), Slash::Agents(None));
    }

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(read("hi /help"), Line::Said("hi /help".into()));
        assert_eq!(read("//sleep 1"), Line::Said("/sleep 1".into()));
        assert_eq!(read("/usr/bin/env\nx"), Line::Said("/usr/bin/env\nx".into()));
    }

    #[test]
    fn a_wrong_one_names_the_nearest() {
        let of = |line: &str| match read(line) {
            Line::Wrong(wrong) => wrong,
            other => panic!("{line}: {other:?}"),
        };

        assert!(of("/hlep").contains("did you mean /help?"));
        assert!(of("/conversation swich x").contains("did you mean /conversation switch?"));
        assert!(of("/zzz").starts_with("no command /zzz: /help"));
        assert_eq!(of("/conversation switch"), "/conversation switch needs a name");
        assert_eq!(of("/history x"), "/history 1 to 500");
    }

    #[test]
    fn tab_completes_commands_and_names() {
        let names = ["CLI".to_owned(), "Notes".to_owned()];
        let of = |line: &str| complete(line, &names, &["echo".to_owned()]);

        assert_eq!(of("/conv"), (1, vec!["conversation ".to_owned()]));
        assert_eq!(of("/conversation sw"), (14, vec!["switch ".to_owned()]));
        assert_eq!(of("/conversation switch no"), (21, vec!["Notes".to_owned()]));
        assert_eq!(of("/agents e"), (8, vec!["echo".to_owned()]));
        assert!(of("hello").1.is_empty() && of("//x").1.is_empty());
    }
}
