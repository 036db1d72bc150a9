use crate::support::program::Shop;

#[test]
fn every_published_figure_is_found_on_this_machine() {
    let run = Shop::new().run(&["verify", "--format", "ndjson"]);
    let missed: Vec<&str> = run.out.lines().filter(|l| !l.contains("\"met\":true")).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert_eq!(run.code, Some(0), "{}", run.err);
    let figures = run.out.lines().count();
    assert_eq!(run.err, format!("{figures} figures, all as published\n"));
    let said = format!("makes {figures} published figures anew");
    assert!(include_str!("../../README.md").contains(&said), "the README does not say: {said}");
}

#[test]
fn a_part_of_the_figures_as_they_are_shown() {
    let run = Shop::new().run(&["verify", "waltons"]);
    assert_eq!(run.code, Some(0), "{}", run.shown());
    insta::assert_snapshot!(run.shown());
}

#[test]
fn a_figure_that_is_not_found_is_exit_code_1_and_comes_first() {
    let shop = Shop::new();
    let figures = "section = 'Mine'\n[[check]]\ncase = 'median of the flies'\nsource = 'a mistake'\n\
        sql = 'SELECT median_survival(km_fit(duration, event)) AS median, count(*) AS n FROM waltons'\n\
        figures = [{ name = 'n', expected = 163 }, { name = 'median', expected = 57, within = 0.5 }]\n";
    std::fs::write(shop.folder.path().join("mine.toml"), figures).unwrap();
    let run = shop.run(&["verify", "--figures", "mine.toml", "--format", "csv"]);
    assert_eq!(run.code, Some(1), "{}", run.shown());
    assert_eq!(run.err, "1 of 2 figures not as published\n");
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "section,case,figure,expected,got,difference,within,met,source,note",
            "Mine,median of the flies,median,57.0,56.0,-1.0,0.5,false,a mistake,",
        ]
    );
    let run = shop.run(&["verify", "--figures", "none.toml"]);
    assert_eq!(run.code, Some(2), "{}", run.shown());
    std::fs::write(shop.folder.path().join("mine.toml"), figures.replace("case", "cases")).unwrap();
    let run = shop.run(&["verify", "--figures", "mine.toml"]);
    assert_eq!(run.code, Some(2), "{}", run.shown());
    assert!(run.err.contains("mine.toml") && run.err.contains("cases"), "{}", run.err);
}
