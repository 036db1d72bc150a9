use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use super::*;

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn some(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn floats(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn columns(x: &str, y: &str, by: &str) -> Columns {
    let name = |name: &str| Some(name.to_owned()).filter(|n| !n.is_empty());
    Columns { x: name(x), y: name(y), by: name(by) }
}

fn with(kind: Kind, columns: &Columns, batch: &RecordBatch, options: &Options) -> String {
    let text = draw(kind, columns, &batch.schema(), std::slice::from_ref(batch), options).unwrap();
    // escapes are read, not obeyed
    text.replace('\x1b', "␛")
}

fn shown(kind: Kind, batch: &RecordBatch, width: usize) -> String {
    let options = Options { width, ..Options::default() };
    let text = with(kind, &Columns::default(), batch, &options);
    let widest = text.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
    assert!(widest <= width, "{widest} cells of {width}:\n{text}");
    text
}

fn colored(colors: Colors) -> Options {
    Options { width: 40, height: 4, colors, unicode: true }
}

fn ascii() -> Options {
    Options { width: 50, height: 8, colors: Colors::None, unicode: false }
}

fn message(kind: Kind, wanted: &Columns, batch: &RecordBatch) -> String {
    let error =
        draw(kind, wanted, &batch.schema(), std::slice::from_ref(batch), &Options::default())
            .unwrap_err();
    format!("{error}; {}", error.hint().unwrap_or_default())
}

fn stages() -> RecordBatch {
    rows(vec![
        (
            "stage",
            texts(&[Some("loyal"), Some("客户生命周期"), None, Some("a\x1b[31mb"), Some("new")]),
        ),
        ("customers", floats(&[Some(1656.0), Some(252.0), None, Some(1.0), Some(0.0)])),
    ])
}

#[test]
fn bars_are_as_long_as_their_numbers() {
    insta::assert_snapshot!(shown(Kind::Bar, &stages(), 60));
    insta::assert_snapshot!(
        "bars_ascii",
        with(Kind::Bar, &Columns::default(), &stages(), &ascii())
    );
    insta::assert_snapshot!(
        "bars_color",
        with(Kind::Bar, &Columns::default(), &stages(), &colored(Colors::Basic))
    );
}

#[test]
fn bars_below_nothing_go_to_the_left() {
    let batch = rows(vec![
        ("month", Arc::new(Date32Array::from(vec![17_167, 17_198, 17_226])) as ArrayRef),
        ("change", floats(&[Some(12.5), Some(-4.25), Some(-25.0)])),
    ]);
    insta::assert_snapshot!(shown(Kind::Bar, &batch, 50));
}

#[test]
fn long_labels_are_cut_and_bars_keep_their_room() {
    let batch =
        rows(vec![("what", some(&["客户".repeat(30).as_str(), "b"])), ("n", ints(&[3, 7]))]);
    insta::assert_snapshot!(shown(Kind::Bar, &batch, 40));
}

#[test]
fn a_label_of_two_columns_and_a_column_alone() {
    let batch = rows(vec![
        ("a", some(&["x", "x", "y"])),
        ("b", some(&["p", "q", "p"])),
        ("n", ints(&[1, 2, 4])),
        ("m", ints(&[8, 2, 4])),
    ]);
    let options = Options { width: 30, ..Options::default() };
    insta::assert_snapshot!(with(Kind::Bar, &columns("a", "m", "b"), &batch, &options));
    let alone = rows(vec![("n", ints(&[1, 2]))]);
    insta::assert_snapshot!("bars_alone", with(Kind::Bar, &Columns::default(), &alone, &options));
}

fn months() -> RecordBatch {
    // the first of every month of 2017
    let days = [17_167, 17_198, 17_226, 17_257, 17_287, 17_318, 17_348, 17_379, 17_410, 17_440];
    let micros = days.map(|day| day * 86_400_000_000_i64);
    let revenue = [120.0, 180.0, 240.0, 90.0, 0.0, 60.0, 300.0, 310.0, 480.0, 470.0];
    let revenue: Vec<_> = revenue.into_iter().map(|v| Some(v).filter(|v| *v > 0.0)).collect();
    rows(vec![
        ("month", Arc::new(TimestampMicrosecondArray::from(micros.to_vec())) as ArrayRef),
        ("revenue", floats(&revenue)),
    ])
}

#[test]
fn a_line_goes_through_its_points_and_stops_at_null() {
    insta::assert_snapshot!(shown(Kind::Line, &months(), 70));
    insta::assert_snapshot!(
        "line_ascii",
        with(Kind::Line, &Columns::default(), &months(), &ascii())
    );
}

fn by_channel() -> RecordBatch {
    rows(vec![
        ("week", ints(&[1, 1, 2, 2, 3, 3, 4, 4])),
        ("channel", some(&["mail", "web", "mail", "web", "mail", "web", "mail", "web"])),
        ("orders", ints(&[10, 2, 14, -3, 9, 6, 4, 12])),
    ])
}

#[test]
fn series_are_told_apart_by_markers_and_colours() {
    insta::assert_snapshot!(shown(Kind::Line, &by_channel(), 60));
    insta::assert_snapshot!(
        "line_color",
        with(Kind::Line, &Columns::default(), &by_channel(), &colored(Colors::True))
    );
}

#[test]
fn many_series_have_their_names_on_several_lines() {
    let names: Vec<String> = (0..12).map(|i| format!("series {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batch = rows(vec![
        ("week", ints(&[1; 12])),
        ("what", some(&names)),
        ("n", ints(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])),
    ]);
    insta::assert_snapshot!(shown(Kind::Line, &batch, 40));
}

#[test]
fn few_points_are_drawn_as_well() {
    let one = rows(vec![("day", ints(&[7])), ("n", ints(&[3]))]);
    insta::assert_snapshot!(with(Kind::Line, &Columns::default(), &one, &colored(Colors::None)));
    let none = rows(vec![("day", ints(&[7])), ("n", floats(&[None]))]);
    assert_eq!(shown(Kind::Line, &none, 40), "n has no numbers to draw\n");
    for kind in Kind::ALL {
        assert_eq!(shown(kind, &by_channel().slice(0, 0), 40), "no rows\n");
    }
}

fn steps() -> RecordBatch {
    rows(vec![
        ("group", texts(&[None, None, None])),
        ("step_no", ints(&[1, 2, 3])),
        ("step", some(&["view", "cart", "buy"])),
        ("entered", ints(&[2400, 2400, 2400])),
        ("reached", ints(&[2400, 1032, 228])),
        ("median_seconds", floats(&[None, Some(1500.0), Some(93_600.0)])),
    ])
}

#[test]
fn a_funnel_says_who_is_left_and_who_is_lost() {
    insta::assert_snapshot!(shown(Kind::Funnel, &steps(), 80));
    insta::assert_snapshot!(
        "funnel_color",
        with(Kind::Funnel, &Columns::default(), &steps(), &colored(Colors::Palette))
    );
}

#[test]
fn a_funnel_of_groups_and_of_any_two_columns() {
    let batch = rows(vec![
        ("channel", some(&["mail", "web", "mail", "web"])),
        ("what", some(&["sent", "sent", "opened", "opened"])),
        ("people", ints(&[0, 8, 0, 2])),
    ]);
    let options = Options { width: 72, ..Options::default() };
    insta::assert_snapshot!(with(Kind::Funnel, &columns("what", "", "channel"), &batch, &options));
}

fn cohorts() -> RecordBatch {
    let month = |m: i64| [0, 31, 59].get(usize::try_from(m).unwrap()).copied().unwrap();
    let start = |m: i64| (17_167 + month(m)) * 86_400_000_000;
    let micros = [0, 0, 0, 0, 1, 1, 1, 2, 2].map(start);
    rows(vec![
        ("cohort_start", Arc::new(TimestampMicrosecondArray::from(micros.to_vec())) as ArrayRef),
        ("group", texts(&[None; 9])),
        ("n", ints(&[0, 1, 2, 3, 0, 1, 2, 0, 1])),
        ("cohort_size", ints(&[1982, 1982, 1982, 1982, 40, 40, 40, 0, 0])),
        (
            "rate",
            floats(&[
                Some(1.0),
                Some(0.52),
                Some(0.4),
                Some(0.061),
                Some(1.0),
                Some(0.3),
                Some(0.25),
                Some(1.0),
                None,
            ]),
        ),
        (
            "complete",
            Arc::new(BooleanArray::from(vec![
                true, true, true, false, true, true, false, true, false,
            ])),
        ),
    ])
}

#[test]
fn a_grid_of_cohorts_has_a_number_in_each_cell() {
    insta::assert_snapshot!(shown(Kind::Heat, &cohorts(), 60));
    insta::assert_snapshot!(
        "heat_ascii",
        with(Kind::Heat, &Columns::default(), &cohorts(), &ascii())
    );
    for colors in [Colors::True, Colors::Palette] {
        insta::assert_snapshot!(
            format!("heat_{colors:?}"),
            with(Kind::Heat, &Columns::default(), &cohorts(), &colored(colors))
        );
    }
}

#[test]
fn cohorts_of_groups_are_grids_on_one_scale() {
    let both = cohorts();
    let mut columns = both.columns().to_vec();
    let web = Some("web");
    columns[1] = texts(&[web, web, web, web, None, None, None, None, None]);
    let batch = RecordBatch::try_new(both.schema(), columns).unwrap();
    insta::assert_snapshot!(shown(Kind::Heat, &batch, 60));
}

#[test]
fn a_grid_leaves_out_what_does_not_fit_and_says_so() {
    insta::assert_snapshot!(shown(Kind::Heat, &cohorts(), 31));
}

#[test]
fn a_grid_of_any_three_columns() {
    let batch = rows(vec![
        ("country", some(&["中国", "中国", "Österreich"])),
        ("stage", some(&["new", "lost", "lost"])),
        ("revenue", floats(&[Some(12_345.5), Some(-7.0), Some(800.0)])),
    ]);
    insta::assert_snapshot!(shown(Kind::Heat, &batch, 60));
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let words = rows(vec![("a", some(&["x"])), ("b", some(&["y"]))]);
    let ones = rows(vec![("a", some(&["x", "x"])), ("b", some(&["y", "y"])), ("n", ints(&[1, 2]))]);
    let none = Columns::default();
    insta::assert_snapshot!(
        [
            message(Kind::Bar, &none, &words),
            message(Kind::Line, &columns("", "a", ""), &words),
            message(Kind::Bar, &columns("stagge", "", ""), &stages()),
            message(Kind::Heat, &none, &ones),
            message(Kind::Heat, &none, &words),
            message(Kind::Heat, &none, &words.project(&[0]).unwrap()),
        ]
        .join("\n")
    );
}

#[test]
fn the_columns_suggest_a_kind() {
    let kind = |batch: &RecordBatch| Kind::of(&batch.schema());
    assert_eq!(kind(&stages()), Some(Kind::Bar));
    assert_eq!(kind(&months()), Some(Kind::Line));
    assert_eq!(kind(&steps()), Some(Kind::Funnel));
    assert_eq!(kind(&cohorts()), Some(Kind::Heat));
    assert_eq!(kind(&rows(vec![("a", some(&["x"]))])), None);
    let three = [("a", some(&["x"])), ("b", some(&["y"])), ("n", ints(&[1]))];
    assert_eq!(kind(&rows(three.to_vec())), Some(Kind::Heat));
}

#[test]
fn no_numbers_are_too_strange_to_draw() {
    let strange = [f64::MAX, f64::MIN, f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE, 1e300];
    for first in strange {
        for second in strange {
            let batch = rows(vec![
                ("x", floats(&[Some(first), Some(second), None])),
                ("by", floats(&[Some(1.0), Some(2.0), None])),
                ("rate", floats(&[Some(second), Some(first), None])),
            ]);
            for kind in Kind::ALL {
                for width in [0, 1, 7, 80] {
                    let options = Options { width, height: 0, ..colored(Colors::True) };
                    let text = with(kind, &Columns::default(), &batch, &options);
                    assert!(text.ends_with('\n') && text.len() < 100_000, "{kind}");
                }
            }
        }
    }
}
