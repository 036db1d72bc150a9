use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Regex, Session};

use crate::support::program::Shop;

/// A join of which nobody sees the end.
const LONG: &str = "SELECT count(*) FROM generate_series(1, 1000000) a, \
     generate_series(1, 1000000) b WHERE (a.value * b.value) % 7 = 3;";

/// The prompt as it asks for a new line.
const NEW_LINE: &str = r"\x1b\[\?2004h[^\n]*shop> ";

struct Prompt {
    shop: Shop,
    session: OsSession,
}

impl Prompt {
    /// Opens the prompt on the lake and waits until it asks.
    fn open() -> Self {
        Self::open_with("cat")
    }

    fn open_with(pager: &str) -> Self {
        Self::open_on(Shop::new(), pager)
    }

    fn open_on(shop: Shop, pager: &str) -> Self {
        Self::open_as(shop, pager, "xterm")
    }

    fn open_as(shop: Shop, pager: &str, term: &str) -> Self {
        let mut command = shop.command();
        command.arg("shop").env("TERM", term).env("NO_COLOR", "1").env("TENURE_PAGER", pager);
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(20)));
        session.get_process_mut().set_window_size(120, 40).unwrap();
        let mut prompt = Self { shop, session };
        prompt.see("shop> ");
        prompt
    }

    fn line(&mut self, text: &str) -> &mut Self {
        self.session.send(text).unwrap();
        self.session.send("\r").unwrap();
        self
    }

    /// Waits for a pattern and answers what was written up to its end.
    fn see(&mut self, pattern: &str) -> String {
        match self.session.expect(Regex(pattern)) {
            Ok(found) => {
                let mut text = String::from_utf8_lossy(found.before()).into_owned();
                text.push_str(&String::from_utf8_lossy(found.get(0).unwrap_or_default()));
                text
            }
            Err(error) => panic!("{pattern}: {error}"),
        }
    }

    /// Waits until the prompt asks for a new line: keys before that could be lost. While a line is
    /// typed the prompt is drawn again with every hint; only a new one takes the brackets of pastes.
    fn asks(&mut self) -> &mut Self {
        self.see(NEW_LINE);
        self
    }

    /// Waits for a pattern and then until the prompt asks again.
    fn done(&mut self, pattern: &str) -> String {
        let text = self.see(pattern);
        self.asks();
        text
    }

    fn leave(mut self) -> Shop {
        self.line("\\q");
        self.session.expect(Eof).unwrap();
        let status = self.session.get_process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
        self.shop
    }
}

#[test]
fn a_query_over_several_lines_shows_a_box_and_a_footer() {
    let mut prompt = Prompt::open();
    prompt
        .line("SELECT name, count(*) AS n")
        .line("FROM people")
        .line("GROUP BY name ORDER BY name LIMIT 3;");
    let shown = prompt.done("3 rows · [0-9.]+ s");
    assert!(shown.contains("┌") && shown.contains("│ name"), "{shown}");
    assert!(shown.contains("bigint"), "{shown}");
    prompt.leave();
}

#[test]
fn tab_completes_by_what_the_whole_statement_says() {
    let mut prompt = Prompt::open();
    // names arrive beside the prompt: on a busy machine a little later than the prompt itself
    prompt.session.set_expect_timeout(Some(Duration::from_secs(1)));
    let arrived = (0..30).any(|_| {
        prompt.session.send("SELECT name FROM peo\t").unwrap();
        let completed = prompt.session.expect("people").is_ok();
        if !completed {
            prompt.session.send(ControlCode::EndOfText).unwrap();
            // keys before it asks again could be lost
            let _ = prompt.session.expect(Regex(NEW_LINE));
        }
        completed
    });
    assert!(arrived);
    prompt.session.set_expect_timeout(Some(Duration::from_secs(20)));
    prompt.session.send(";\r").unwrap();
    prompt.done("4 rows");
    prompt.session.send("SELECT p.\t").unwrap();
    prompt.session.send(ControlCode::EndOfText).unwrap();
    prompt.asks();
    prompt.session.send("\\tim\t\r").unwrap();
    prompt.done("timing is off");
    prompt.leave();
}

#[test]
fn ctrl_c_cancels_a_running_query_and_keeps_the_session() {
    let mut prompt = Prompt::open();
    prompt.line("CREATE TABLE kept AS SELECT 7 AS seven;");
    prompt.asks();
    prompt.line(LONG);
    std::thread::sleep(Duration::from_millis(1500));
    let since = Instant::now();
    prompt.session.send(ControlCode::EndOfText).unwrap();
    prompt.done("cancelled");
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    prompt.line("SELECT seven + 1 AS eight FROM kept;");
    let shown = prompt.done("1 row ·");
    assert!(shown.contains("eight"), "{shown}");
    prompt.leave();
}

#[test]
fn ctrl_c_at_the_prompt_clears_the_line_and_ctrl_d_leaves() {
    let mut prompt = Prompt::open();
    prompt.session.send("SELECT nonsense").unwrap();
    prompt.session.send(ControlCode::EndOfText).unwrap();
    prompt.asks();
    prompt.line("SELECT 41 + 1 AS answer;");
    let shown = prompt.done("1 row ·");
    assert!(shown.contains("42"), "{shown}");
    prompt.session.send(ControlCode::EndOfTransmission).unwrap();
    prompt.session.expect(Eof).unwrap();
    let status = prompt.session.get_process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
}

#[test]
fn the_configuration_folder_sets_the_prompt_up() {
    let shop = Shop::new();
    let folder = shop.folder.path().join("config/tenure");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "rows = 6\nedit = \"vi\"\n").unwrap();
    std::fs::write(folder.join("rc.sql"), "CREATE VIEW five AS SELECT 5 AS n;").unwrap();
    let mut prompt = Prompt::open_on(shop, "cat");
    prompt.line("SELECT n + 1 AS six FROM five;").done("1 row ·");
    prompt.line("SELECT value FROM generate_series(1, 50);").done(r"50 rows \(6 shown");
    prompt.line("\\set edit").done("vi");
    prompt.leave();
}

#[test]
fn an_error_keeps_the_session_and_shows_a_caret() {
    let mut prompt = Prompt::open();
    prompt.line("SELECT nmae FROM people;");
    let shown = prompt.done("did you mean name");
    assert!(shown.contains("^^^^"), "{shown}");
    prompt.line("\\nonsense");
    prompt.done("there is no command");
    prompt.leave();
}

#[test]
fn the_history_is_private_and_holds_no_secret() {
    let mut prompt = Prompt::open();
    prompt.line("SELECT 1 AS kept;");
    prompt.done("1 row ·");
    prompt.line("SELECT 'x' AS y -- password = 'hunter2'");
    prompt.line(";");
    prompt.see("not kept in the history");
    prompt.done("1 row ·");
    let shop = prompt.leave();
    let path = shop.folder.path().join("state/tenure/history");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("SELECT 1 AS kept;"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn text_that_is_longer_than_the_screen_goes_through_the_pager() {
    let mut prompt = Prompt::open_with("wc -l");
    prompt.line("\\format csv").done("format is csv");
    prompt.line("SELECT value FROM generate_series(1, 4321);").done("\\b4322\\b");
    prompt.line("SELECT 'few' AS x;").done("x\r?\nfew");
    prompt.leave();
}

#[test]
fn a_box_that_does_not_fit_goes_through_the_pager_as_a_whole() {
    let shop = Shop::new();
    // a pager that says what it got, and how much of it
    let pager = shop.folder.path().join("pager");
    std::fs::write(
        &pager,
        "#!/bin/sh\ncat > page\necho \"paged $(wc -l < page) lines, $(head -1 page | wc -m) wide\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&pager, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut prompt = Prompt::open_on(shop, pager.to_str().unwrap());
    // long: every row, and the frame, names and types
    prompt.line("SELECT value FROM generate_series(1, 500) ORDER BY value;").see("paged 505 lines");
    let footer = prompt.done("500 rows · ");
    assert!(!footer.contains("shown"), "{footer}");
    // longer than anybody reads: head and tail, and that is said
    prompt.line("SELECT value FROM generate_series(1, 20001);").see("paged 10006 lines");
    prompt.done(r"20,001 rows \(10,000 shown");
    // wide: every column
    let columns: Vec<String> = (0..30).map(|n| format!("{n} AS column_{n}")).collect();
    prompt.line(&format!("SELECT {};", columns.join(", "))).see("paged 6 lines, 3[0-9][0-9] wide");
    prompt.done("1 row ·");
    // what fits is shown, and a long text is no reason to leave the prompt
    let shown = prompt.line("SELECT repeat('x', 500) AS x;").done("1 row ·");
    assert!(shown.contains("xxx…") && !shown.contains("paged"), "{shown}");
    prompt.line("\\pager off").done("the pager is off");
    let shown = prompt
        .line("SELECT value FROM generate_series(1, 500);")
        .done(r"500 rows \(32 shown, \\last shows all\)");
    assert!(shown.contains("│") && !shown.contains("paged"), "{shown}");
    prompt.line("\\pager on").done("the pager is on");
    prompt.line("SELECT 1 AS one;").see("paged 6 lines");
    prompt.done("1 row ·");
    prompt.line("\\pager sometimes").done("pager is auto, on or off");
    prompt.leave();
}

#[test]
fn ctrl_c_in_the_pager_is_the_pagers() {
    let shop = Shop::new();
    let pager = shop.folder.path().join("pager");
    std::fs::write(
        &pager,
        "#!/bin/sh\ntrap 'echo interrupted; exit' INT\necho reading\nwhile :; do sleep 0.1; done\n",
    )
    .unwrap();
    std::fs::set_permissions(&pager, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut prompt = Prompt::open_on(shop, pager.to_str().unwrap());
    prompt.line("SELECT value FROM generate_series(1, 500);").see("reading");
    prompt.session.send(ControlCode::EndOfText).unwrap();
    prompt.see("interrupted");
    prompt.done("500 rows ·");
    // and no statement after it
    let shown = prompt.line("SELECT 41 + 1 AS answer;").done("1 row ·");
    assert!(shown.contains("42"), "{shown}");
    prompt.leave();
}

#[test]
fn without_a_pager_a_box_is_cut() {
    for (term, pager) in [("dumb", "wc -l"), ("xterm", "no-such-pager"), ("xterm", "")] {
        let mut prompt = Prompt::open_as(Shop::new(), pager, term);
        prompt.line("SELECT value FROM generate_series(1, 500);").see(r"500 rows \(32 shown");
        prompt.leave();
    }
}

#[test]
fn a_long_result_shows_its_head_and_tail_and_the_whole_on_request() {
    let mut prompt = Prompt::open();
    prompt.line("SELECT value FROM generate_series(1, 500) ORDER BY value;");
    let shown = prompt.done(r"500 rows \(32 shown");
    assert!(shown.contains('·') && !shown.contains("250 │"), "{shown}");
    prompt.line("\\last");
    let shown = prompt.done("500 │");
    assert!(shown.contains("250 │"), "{shown}");
    prompt.leave();
}

#[test]
fn a_chart_takes_the_colours_and_the_width_of_the_terminal() {
    let shop = Shop::new();
    let mut command = shop.command();
    command
        .arg("shop")
        .env("TERM", "xterm")
        .env("COLORTERM", "truecolor")
        .env("TENURE_PAGER", "cat");
    command.env("LC_ALL", "C.UTF-8");
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(20)));
    session.get_process_mut().set_window_size(50, 40).unwrap();
    let mut prompt = Prompt { shop, session };
    prompt.asks();
    prompt.line("\\chart heat SELECT * FROM (VALUES ('a', 'p', 1), ('b', 'q', 20)) AS t(x, y, n);");
    let heat = prompt.done("n by y: .*20");
    // dark blue behind white, light yellow behind black
    for cell in
        ["\x1b[38;2;255;255;255;48;2;19;28;103m  1 ", "\x1b[38;2;0;0;0;48;2;251;230;121m 20 "]
    {
        assert!(heat.contains(cell), "{heat:?}");
    }
    prompt.line("\\chart bar y=n");
    let bar = prompt.done("b  20 [^\r]*█");
    assert_eq!(bar.rsplit("b  20 ").next().unwrap().matches('█').count(), 50 - 6, "{bar}");
    prompt.leave();
}
