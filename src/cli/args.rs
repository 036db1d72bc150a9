//! The command line: one definition for parsing, help and shell completion.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use tenure::render::Format;

const EXAMPLES: &str = "\
Examples:
  tenure data/retail                                open the prompt on a lake
  tenure -c 'SELECT count(*) FROM customers' data/retail
  tenure -f report.sql -o report.parquet s3://shop/lake
  tenure run churn/at_risk --param top=20 data/retail
  echo 'SELECT 1' | tenure --format csv

A lake called like a subcommand is written ./run.
Exit codes: 0 ok, 1 SQL error, 2 wrong usage, 3 data cannot be reached, 130 interrupted.";

const GENERATE: &str = "\
Write a lake of customers that never were, whose truth is known

Customers buy and leave as the BG/NBD model says and spend as the Gamma-Gamma model says. They leave
the events of a web shop behind: page_view, search, add_to_cart, checkout, payment, purchase, and
signup, order_cancel, return, complaint, upgrade, referral, email_sent, email_open, email_click,
unsubscribe. There are seasons, campaigns, an outage, a week of late parcels, a rise of prices, and
customers whose rate changes at a known day.

Tables: events (by month), customers, campaigns, and the truth beside them, which the model leaves
out: truth_parameters, truth_customers, truth_turning_points, truth_incidents, truth_seasons,
truth_dirt. A file appears when it is whole, and tenure.toml last.";

const CLUSTER: &str = "\
Write a lake anew so that questions by customer stream over it

Events are sorted by customer and time and cut into ranges of customers, tables of customers are
sorted by customer, other tables are copied; tenure.toml goes with them. The same SQL then needs no
sort and no shuffle, and memory for a few customers at a time. SRC and DEST are folders or places in
an object store. Memory is bounded by --memory-limit; temporary files take about as much as the
lake without compression.

Run again, it adds what is new in SRC and rewrites only what it must. A run that was stopped goes on
where it was. DEST is a lake when its tenure.toml is written, at the end, and not before.";

const VERIFY: &str = "\
Make published figures anew on this machine, and compare

Each is a figure of a paper or of another tool's documentation, with the data that it was taken from:
what was published, what this build finds, how far apart they are and may be, and the source. Those
that are not met come first; the exit code is 1 if there is one.";
#[cfg(feature = "pg")]
const SERVE: &str = "\
Serve lakes to everything that speaks PostgreSQL's protocol: psql, drivers, BI tools

Clients log in with SCRAM-SHA-256 as one of the users that `tenure user add` made, and read: what
they may do is a list of kinds of statements. Each has a session of its own, with its own settings
(SET tenure.as_of = …), memory and time. Files and URLs outside the lakes cannot be read.

Without --tls-cert the server listens on the machine's own addresses only. The log has one line of
JSON for each log-in and statement, without the values of the statement.";

/// Ask a lake of Parquet files, in SQL, who your customers are.
#[derive(Debug, Parser)]
#[command(name = "tenure", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    action: Option<Action>,
    /// Folder, file, glob or URL (s3://, gs://, az://, https://) of Parquet files
    #[arg(value_name = "LAKE")]
    lakes: Vec<String>,
    /// Run these statements and leave (repeatable, in order with -f)
    #[arg(short = 'c', long, value_name = "SQL", action = ArgAction::Append, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Run the statements of a file and leave; - is standard input (repeatable)
    #[arg(short = 'f', long, value_name = "FILE", action = ArgAction::Append)]
    file: Vec<String>,
    /// After an error go on with the next statement; the exit code is still 1
    #[arg(long)]
    keep_going: bool,
    /// Do not read the configuration folder (config.toml, rc.sql)
    #[arg(long)]
    no_init: bool,
    #[command(flatten)]
    shared: Shared,
}

/// Options of the program and of its subcommands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Shared {
    /// box, line, csv, tsv, json, ndjson, markdown, arrow or parquet
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write results to a file, in the format of its extension
    #[arg(short = 'o', long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Bind $name (repeatable); typed as 20, 1.5, true, 2018-01-01, NULL or text; '20' is text
    #[arg(long = "param", short = 'p', global = true, value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// The moment at which questions are asked; later events do not exist (default: now)
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Time zone of days, weeks and zoned times, such as Europe/London
    #[arg(long, global = true, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Memory for queries, such as 2GB; beyond it they spill to disk
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes)]
    pub(crate) memory_limit: Option<usize>,
    /// Threads for queries (default: all cores)
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// auto, always or never; NO_COLOR and CLICOLOR_FORCE are heeded
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// on a terminal
    #[default]
    Auto,
    /// even into a pipe
    Always,
    /// not at all
    Never,
}

/// What to do instead of opening the prompt.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Action {
    /// Run a question of the query library on a lake
    Run {
        /// Name, as `tenure queries` lists it; `tour` tells the story of the lake
        name: String,
        /// The lake
        #[arg(value_name = "LAKE")]
        lakes: Vec<String>,
        /// Draw the answer as the query's header says
        #[arg(long)]
        chart: bool,
    },
    /// List the query library with its parameters
    Queries {
        /// Part of a name or title
        pattern: Option<String>,
    },
    /// List Tenure's own functions
    Functions {
        /// Part of a name, family or description
        pattern: Option<String>,
    },
    /// Infer the lifecycle model of a lake and write its tenure.toml
    Init {
        /// The lake
        lake: String,
        /// Print the file instead of writing it
        #[arg(long)]
        print: bool,
    },
    /// Write a lake of customers that never were, whose truth is known
    #[command(long_about = GENERATE)]
    Generate(Generate),
    /// Write a lake anew so that questions by customer stream over it
    #[command(long_about = CLUSTER)]
    Cluster(Cluster),
    /// Make published figures anew on this machine, and compare
    #[command(long_about = VERIFY)]
    Verify(Verify),
    /// Serve lakes to everything that speaks PostgreSQL's protocol
    #[cfg(feature = "pg")]
    #[command(long_about = SERVE)]
    Serve(Serve),
    /// Add, list or remove the users of `tenure serve`
    #[cfg(feature = "pg")]
    #[command(subcommand)]
    User(User),
    /// Print the completion script of a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

/// What `tenure generate` is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Generate {
    /// Folder (or s3://bucket/path) that is empty or not there yet
    pub(crate) dest: String,
    /// How many customers
    #[arg(long, value_name = "N")]
    pub(crate) customers: u64,
    /// The same seed gives the same lake, bit for bit, on any machine and any number of threads
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub(crate) seed: u64,
    /// First day
    #[arg(long, value_name = "DATE", default_value = "2023-01-01")]
    pub(crate) from: NaiveDate,
    /// Last day
    #[arg(long, value_name = "DATE", default_value = "2024-06-30")]
    pub(crate) to: NaiveDate,
    /// About so many events a customer: the visits without a purchase make up for what is missing
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) events_per_customer: u32,
    /// Files of each month
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) files_per_month: u64,
    /// int, or uuid for customers, sessions and devices as text
    #[arg(long, value_name = "KIND", default_value = "int", hide_possible_values = true)]
    pub(crate) ids: IdKind,
    /// bg: customers may leave after a repeat purchase; mbg: after the first, too
    #[arg(long, value_name = "MODEL", default_value = "bg", hide_possible_values = true)]
    pub(crate) model: DropoutModel,
    /// No seasons, incidents, turning points or e-mails that work: the model and nothing else
    #[arg(long)]
    pub(crate) plain: bool,
    /// Duplicates, late events, missing ids, shared devices, a bot, a schema that changes
    #[arg(long)]
    pub(crate) dirt: bool,
}

/// What `tenure cluster` is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Cluster {
    /// The lake
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// Folder (or s3://bucket/path) that is empty, not there yet, or written from SRC before
    pub(crate) dest: String,
    /// Rows of a file, about; small lakes have smaller files, so that all threads have some
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) rows_per_file: u64,
}

/// What `tenure verify` is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Verify {
    /// Part of a section, a case or a source, such as CDNOW or ClickHouse (default: all)
    pub(crate) pattern: Option<String>,
    /// Figures of your own in place of those that ship: a TOML file in the same form
    #[arg(long, value_name = "FILE")]
    pub(crate) figures: Option<PathBuf>,
}

/// What `tenure serve` is asked for.
#[cfg(feature = "pg")]
#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// The lakes; each is a database
    #[arg(value_name = "LAKE", required = true)]
    pub(crate) lakes: Vec<String>,
    /// Address to listen on; any but the machine's own needs a certificate
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: std::net::IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5432)]
    pub(crate) port: u16,
    /// File of users (default: users in the configuration folder)
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// Certificate in PEM; every connection must then be encrypted
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM, readable by its owner only
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) max_connections: usize,
    /// Memory of one session, such as 1GB (default: what --memory-limit leaves)
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) session_memory: Option<usize>,
    /// How long a statement may take, such as 30s, unless its client says otherwise
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) statement_timeout: Option<std::time::Duration>,
    /// The longest that a client may ask for
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) max_statement_timeout: Option<std::time::Duration>,
    /// Let sessions make views of their own, which go with them
    #[arg(long)]
    pub(crate) allow_views: bool,
    /// Let sessions ask for EXPLAIN ANALYZE, which tells of files and rows that no answer shows
    #[arg(long)]
    pub(crate) allow_analyze: bool,
    /// File for the log, one line of JSON an event (default: standard error)
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// Users of `tenure serve`.
#[cfg(feature = "pg")]
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum User {
    /// Add a user or change their password, which is asked for, or read from a pipe
    Add {
        /// Name to log in with
        name: String,
        /// File of users (default: users in the configuration folder)
        #[arg(long, value_name = "FILE")]
        users: Option<PathBuf>,
    },
    /// List the users
    List {
        /// File of users (default: users in the configuration folder)
        #[arg(long, value_name = "FILE")]
        users: Option<PathBuf>,
    },
    /// Remove a user
    Remove {
        /// Name
        name: String,
        /// File of users (default: users in the configuration folder)
        #[arg(long, value_name = "FILE")]
        users: Option<PathBuf>,
    },
}

/// What ids look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum IdKind {
    /// BIGINT
    Int,
    /// text
    Uuid,
}

/// When customers may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DropoutModel {
    /// after each repeat purchase
    Bg,
    /// after each purchase
    Mbg,
}

/// One thing to run, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-c SQL`
    Text(String),
    /// `-f FILE`
    File(String),
}

/// The command line, read.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) action: Option<Action>,
    pub(crate) lakes: Vec<String>,
    pub(crate) sources: Vec<Source>,
    pub(crate) keep_going: bool,
    pub(crate) no_init: bool,
    pub(crate) shared: Shared,
}

impl Arguments {
    /// Reads a command line; help and version come back as errors with exit code 0.
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(line)?;
        let cli = Cli::from_arg_matches(&matches)?;
        let lakes = match &cli.action {
            Some(Action::Run { lakes, .. }) => [cli.lakes, lakes.clone()].concat(),
            _ => cli.lakes,
        };
        let is_command = |word: &&String| command().find_subcommand(word.as_str()).is_some();
        if cli.action.is_none()
            && let Some(word) = lakes.iter().skip(1).find(is_command)
        {
            return Err(command().error(
                clap::error::ErrorKind::ArgumentConflict,
                format!("{word} comes before the lake: tenure {word} … LAKE; a lake of that name is written ./{word}"),
            ));
        }
        Ok(Self {
            sources: sources(&matches, cli.command, cli.file),
            action: cli.action,
            lakes,
            keep_going: cli.keep_going,
            no_init: cli.no_init,
            shared: cli.shared,
        })
    }
}

/// The definition, for completion scripts.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// `-c` and `-f` in the order in which they were given.
fn sources(matches: &ArgMatches, commands: Vec<String>, files: Vec<String>) -> Vec<Source> {
    let at = |id: &str| matches.indices_of(id).into_iter().flatten();
    let commands = at("command").zip(commands.into_iter().map(Source::Text));
    let mut all: Vec<_> =
        commands.chain(at("file").zip(files.into_iter().map(Source::File))).collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, source)| source).collect()
}

/// A time such as 500ms, 30s, 5min, 1h.
#[cfg(feature = "pg")]
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        other => return Err(format!("unknown unit {other:?}; write 500ms, 30s, 5min or 1h")),
    };
    match number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)) {
        Some(millis) if millis > 0 => Ok(std::time::Duration::from_millis(millis)),
        _ => Err("a time is a number with a unit, such as 30s".to_owned()),
    }
}

/// `2GB`, `512 MiB`, `1.5g`: KB and MB are decimal, K, M and KiB are powers of 1024.
fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        other => return Err(format!("unknown unit {other:?}; write 512MB, 2GB or 2GiB")),
    };
    let number: f64 = number.parse().map_err(|_| "write 512MB, 2GB or 2GiB".to_string())?;
    // through text, so that no digit is lost silently
    let bytes = format!("{:.0}", number * factor);
    match bytes.parse::<usize>() {
        Ok(0) | Err(_) => Err(format!("{text} is not an amount of memory")),
        Ok(bytes) => Ok(bytes),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(n) if (1..=1024).contains(&n) => Ok(n),
        _ => Err("write a number from 1 to 1024".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Arguments {
        let line = std::iter::once("tenure").chain(line.iter().copied()).map(OsString::from);
        Arguments::read(line).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn statements_and_files_keep_their_order() {
        let args = read(&["-c", "A", "-f", "b.sql", "-c", "-- C", "lake"]);
        let text = |s: &str| Source::Text(s.into());
        assert_eq!(args.sources, [text("A"), Source::File("b.sql".into()), text("-- C")]);
        assert_eq!(args.lakes, ["lake"]);
    }

    #[test]
    fn subcommands_win_over_lakes_of_the_same_name() {
        assert!(matches!(read(&["queries"]).action, Some(Action::Queries { .. })));
        let args = read(&["./run"]);
        assert!(args.action.is_none());
        assert_eq!(args.lakes, ["./run"]);
        // a command after a lake is more likely meant as one than as a second lake
        let line = ["tenure", "data/retail", "run"].map(OsString::from);
        assert!(Arguments::read(line).unwrap_err().to_string().contains("./run"));
        assert_eq!(read(&["data/retail", "./run"]).lakes, ["data/retail", "./run"]);
    }

    #[test]
    fn shared_options_stand_before_and_after_a_subcommand() {
        let args = read(&["--format", "csv", "run", "a/b", "--param", "top=2", "lake"]);
        assert_eq!(args.shared.format, Some(Format::Csv));
        assert_eq!(args.shared.params, ["top=2"]);
        assert_eq!(args.lakes, ["lake"]);
    }

    #[test]
    fn amounts_of_memory() {
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        assert_eq!(bytes("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(bytes("512m"), Ok(536_870_912));
        for wrong in ["", "GB", "0", "2 apples", "-1GB", "1.2.3GB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
