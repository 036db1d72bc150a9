//! Colours: a scale for numbers, and colours that are told apart.

use super::Colors;

/// Ends what a colour began.
pub(super) const RESET: &str = "\x1b[0m";

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

/// Colours of series, that people who see few colours tell apart (Okabe and Ito), each with the basic
/// colour nearest to it.
const SERIES: [(Rgb, u8); 6] = [
    (Rgb(86, 180, 233), 36),
    (Rgb(230, 159, 0), 33),
    (Rgb(0, 158, 115), 32),
    (Rgb(204, 121, 167), 35),
    (Rgb(213, 94, 0), 31),
    (Rgb(0, 114, 178), 34),
];

/// The sequence that begins the colour of a series; nothing without colours.
fn series(index: usize, colors: Colors) -> String {
    let Some((rgb, basic)) = SERIES.get(index % SERIES.len()) else { return String::new() };
    match colors {
        Colors::None => String::new(),
        Colors::Basic => format!("\x1b[{basic}m"),
        _ => format!("\x1b[{}m", code(38, *rgb, colors)),
    }
}

/// A text in the colour of a series.
pub(super) fn paint(text: &str, index: usize, colors: Colors) -> String {
    let color = series(index, colors);
    if color.is_empty() || text.is_empty() {
        text.to_owned()
    } else {
        format!("{color}{text}{RESET}")
    }
}

/// The sequence that begins a cell of the scale, with a text colour that is read on it; nothing where
/// there are not enough colours for a scale.
pub(super) fn cell(share: f64, colors: Colors) -> Option<String> {
    if !matches!(colors, Colors::Palette | Colors::True) {
        return None;
    }
    let back = shown(scale(share), colors);
    let text = if luminance(back) > 0.18 { Rgb(0, 0, 0) } else { Rgb(255, 255, 255) };
    Some(format!("\x1b[{};{}m", code(38, text, colors), code(48, back, colors)))
}

/// A colour from dark blue (0) to light yellow (1): equal steps of the share are equal steps of
/// lightness to the eye (in Oklab), and who sees no red or no green sees them all.
fn scale(share: f64) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    let lightness = 0.28 + 0.64 * share;
    // blue over grey to yellow, strongest in the middle of each half
    let b = -0.13 + 0.26 * share;
    let a = -0.02 * share;
    oklab(lightness, a, b)
}

/// Oklab (Ottosson, 2020) to sRGB; what the screen cannot show is clipped.
fn oklab(lightness: f64, a: f64, b: f64) -> Rgb {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    Rgb(
        encoded(4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s),
        encoded(-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s),
        encoded(-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s),
    )
}

/// Light to the byte of sRGB.
fn encoded(light: f64) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let share =
        if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    byte(share * 255.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 255; anything else saturates"
)]
fn byte(value: f64) -> u8 {
    value.round() as u8
}

/// How much light a colour sends, as WCAG defines it.
fn luminance(Rgb(red, green, blue): Rgb) -> f64 {
    let light = |byte: u8| {
        let share = f64::from(byte) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue)
}

/// The colour that the terminal shows for one.
fn shown(rgb: Rgb, colors: Colors) -> Rgb {
    let Rgb(red, green, blue) = rgb;
    match colors {
        Colors::Palette => Rgb(level(red).1, level(green).1, level(blue).1),
        _ => rgb,
    }
}

/// The nearest of the six levels of the cube: its number and its value.
fn level(value: u8) -> (u8, u8) {
    const LEVELS: [(u8, u8); 6] = [(0, 0), (1, 95), (2, 135), (3, 175), (4, 215), (5, 255)];
    LEVELS.into_iter().min_by_key(|(_, level)| level.abs_diff(value)).unwrap_or_default()
}

/// The parameters that choose a colour: of the text with 38, behind it with 48.
fn code(what: u8, Rgb(red, green, blue): Rgb, colors: Colors) -> String {
    match colors {
        Colors::Palette => {
            let index = 16 + 36 * level(red).0 + 6 * level(green).0 + level(blue).0;
            format!("{what};5;{index}")
        }
        _ => format!("{what};2;{red};{green};{blue}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn the_scale_grows_lighter_in_even_steps_and_text_is_read_on_all_of_it() {
        let mut before = -1.0;
        for step in 0..=100 {
            let share = f64::from(step) / 100.0;
            // the eye's lightness: the cube root of the light, nearly
            let lightness = luminance(scale(share)).cbrt();
            if before >= 0.0 {
                let up: f64 = lightness - before;
                assert!((0.003..0.012).contains(&up), "{share}: {up}");
            }
            before = lightness;
            for colors in [Colors::True, Colors::Palette] {
                let back = shown(scale(share), colors);
                let white = cell(share, colors).unwrap().contains("255;255;255")
                    || cell(share, colors).unwrap().contains("38;5;231");
                let text = if white { Rgb(255, 255, 255) } else { Rgb(0, 0, 0) };
                assert!(contrast(text, back) >= 4.5, "{share}: {}", contrast(text, back));
            }
        }
    }

    #[test]
    fn colours_have_the_codes_of_their_mode() {
        assert_eq!(series(0, Colors::None), "");
        assert_eq!(series(0, Colors::Basic), "\x1b[36m");
        assert_eq!(series(0, Colors::Palette), "\x1b[38;5;74m");
        assert_eq!(series(0, Colors::True), "\x1b[38;2;86;180;233m");
        assert_eq!(cell(0.5, Colors::None), None);
        assert_eq!(cell(0.5, Colors::Basic), None);
        assert_eq!(oklab(1.0, 0.0, 0.0), Rgb(255, 255, 255));
        assert_eq!(oklab(0.0, 0.0, 0.0), Rgb(0, 0, 0));
    }
}
