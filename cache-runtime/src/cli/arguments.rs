//! The arguments of the program.

use std::ffi::OsString;
use std::mem::take;

use lexopt::{Arg, Parser, ValueExt};

pub(super) const HELP: &str = "\
usage:
  cache-runtime doctor            whether the server can be used, and who uses it
  cache-runtime tail CHANNEL…     what goes over channels, until it is stopped
  cache-runtime publish CHANNEL PAYLOAD
  cache-runtime export typescript|zod|json-schema|golden
                                  the events that this program declares

options:
  --redis ADDRESS      the server; by default REDIS_URL, which keeps a password
                       out of the list of processes
  --namespace NAME     the namespace of the bus
  --channel CHANNEL    doctor: a further channel to subscribe to
  --count N            tail: stop after N messages
  --json               JSON in lines in place of text
  --help, --version";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) redis: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) json: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Doctor {
        channels: Vec<String>,
    },
    Tail {
        channels: Vec<String>,
        count: Option<u64>,
    },
    Publish {
        channel: String,
        payload: String,
    },
    Export(Format),
    Help,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    TypeScript,
    Zod,
    JsonSchema,
    Golden,
}

impl Format {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "typescript" => Self::TypeScript,
            "zod" => Self::Zod,
            "json-schema" => Self::JsonSchema,
            "golden" => Self::Golden,
            other => {
                return Err(format!(
                    "unknown format `{other}`; expected `typescript`, `zod`, `json-schema` or `golden`"
                ));
            }
        })
    }
}

/// The arguments, without the name of the program.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    read(Parser::from_args(arguments)).map_err(|error| error.to_string())
}

fn read(mut parser: Parser) -> Result<Asked, lexopt::Error> {
    let mut words: Vec<String> = Vec::new();
    let (mut channels, mut count) = (Vec::new(), None);
    let (mut redis, mut namespace, mut json) = (None, None, false);
    let mut instead = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("redis") => redis = Some(parser.value()?.string()?),
            Arg::Long("namespace") => namespace = Some(parser.value()?.string()?),
            Arg::Long("channel") => channels.push(parser.value()?.string()?),
            Arg::Long("count") => count = Some(parser.value()?.parse()?),
            Arg::Long("json") => json = true,
            Arg::Long("help") | Arg::Short('h') => instead = Some(Command::Help),
            Arg::Long("version") | Arg::Short('V') => instead = Some(Command::Version),
            Arg::Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let mut words = words.into_iter();
    let name = words.next();
    let command = match (instead, name.as_deref()) {
        (Some(instead), _) => {
            words.by_ref().for_each(drop);
            (channels, count) = (Vec::new(), None);
            instead
        }
        (None, Some("doctor")) => Command::Doctor {
            channels: take(&mut channels),
        },
        (None, Some("tail")) => {
            let first = next(&mut words, "the channel")?;
            Command::Tail {
                channels: [first].into_iter().chain(words.by_ref()).collect(),
                count: count.take(),
            }
        }
        (None, Some("publish")) => Command::Publish {
            channel: next(&mut words, "the channel")?,
            payload: next(&mut words, "the payload")?,
        },
        (None, Some("export")) => {
            let format = next(&mut words, "the format")?;
            Command::Export(Format::parse(&format).map_err(lexopt::Error::from)?)
        }
        (None, Some(other)) => return Err(wrong("unknown command", other).into()),
        (None, None) => return Err("a command is missing".into()),
    };
    if let Some(further) = words.next() {
        return Err(wrong("unexpected argument", &further).into());
    }
    if !channels.is_empty() {
        return Err("`--channel` is an option of `doctor`".into());
    }
    if count.is_some() {
        return Err("`--count` is an option of `tail`".into());
    }
    Ok(Asked {
        command,
        redis: redis.or_else(|| std::env::var("REDIS_URL").ok()),
        namespace,
        json,
    })
}

fn next(words: &mut impl Iterator<Item = String>, what: &str) -> Result<String, lexopt::Error> {
    let missing = || lexopt::Error::from(format!("{what} is missing"));
    words.next().ok_or_else(missing)
}

/// An address is not repeated, because it may contain a password.
fn wrong(what: &str, word: &str) -> String {
    if word.contains("://") {
        format!("{what}: an address is given by `--redis` or REDIS_URL")
    } else {
        format!("{what} `{word}`")
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Command, Format, parse};

    fn parsed(line: &str) -> Result<Asked, String> {
        parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn commands_and_options() {
        let asked = parsed("--json tail a --namespace prod b --count 3 --redis redis://h").unwrap();
        let command = Command::Tail {
            channels: vec!["a".to_owned(), "b".to_owned()],
            count: Some(3),
        };
        assert_eq!(asked.command, command);
        assert_eq!(asked.namespace.as_deref(), Some("prod"));
        assert_eq!(asked.redis.as_deref(), Some("redis://h"));
        assert!(asked.json);
        let export = parsed("export zod").unwrap().command;
        assert_eq!(export, Command::Export(Format::Zod));
        for line in ["doctor --help", "tail cache:users --count 1 --help", "-h"] {
            assert_eq!(parsed(line).unwrap().command, Command::Help, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |line| parsed(line).unwrap_err();
        assert_eq!(wrong(""), "a command is missing");
        assert_eq!(wrong("docter"), "unknown command `docter`");
        assert_eq!(wrong("tail"), "the channel is missing");
        assert_eq!(wrong("publish cache:users"), "the payload is missing");
        assert_eq!(wrong("doctor x"), "unexpected argument `x`");
        assert_eq!(wrong("doctor --jsn"), "invalid option '--jsn'");
        assert_eq!(
            wrong("tail a --channel b"),
            "`--channel` is an option of `doctor`"
        );
        assert_eq!(
            wrong("doctor --count 1"),
            "`--count` is an option of `tail`"
        );
        let address = "unexpected argument: an address is given by `--redis` or REDIS_URL";
        assert_eq!(wrong("doctor redis://u:secret@h"), address);
        assert!(wrong("tail a --count x").contains('x'));
        assert!(wrong("export xml").contains("unknown format `xml`"));
    }
}
