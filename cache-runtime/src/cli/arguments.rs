//! The arguments of the program.

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

pub(super) const HELP: &str = "\
usage:
  cache-runtime doctor            whether the server can be used, and who uses it
  cache-runtime tail CHANNEL…     what goes over channels, until it is stopped
  cache-runtime publish CHANNEL PAYLOAD
  cache-runtime export typescript|zod|json-schema|golden
                                  the events that this program declares

options:
  --redis ADDRESS      the server; REDIS_URL by default
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
    let mut next = |what: &str| {
        let missing = || lexopt::Error::from(format!("{what} is missing"));
        words.next().ok_or_else(missing)
    };
    let command = match (instead, name.as_deref()) {
        (Some(instead), _) => instead,
        (None, Some("doctor")) => Command::Doctor { channels },
        (None, Some("tail")) => {
            let first = next("the channel")?;
            Command::Tail {
                channels: [first].into_iter().chain(words.by_ref()).collect(),
                count,
            }
        }
        (None, Some("publish")) => Command::Publish {
            channel: next("the channel")?,
            payload: next("the payload")?,
        },
        (None, Some("export")) => {
            Command::Export(Format::parse(&next("the format")?).map_err(lexopt::Error::from)?)
        }
        (None, Some(other)) => return Err(format!("unknown command `{other}`").into()),
        (None, None) => return Err("a command is missing".into()),
    };
    if let Some(further) = words.next() {
        return Err(format!("unexpected argument `{further}`").into());
    }
    Ok(Asked {
        command,
        redis: redis.or_else(|| std::env::var("REDIS_URL").ok()),
        namespace,
        json,
    })
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
        assert_eq!(parsed("doctor --help").unwrap().command, Command::Help);
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
        assert!(wrong("tail a --count x").contains('x'));
        assert!(wrong("export xml").contains("unknown format `xml`"));
    }
}
