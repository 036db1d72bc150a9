//! `tenure user`: who may log in to `tenure serve`.

use std::io::{BufRead, IsTerminal};

use tenure::server::{Users, Verifier};

use super::serve::users_file;
use crate::cli::args::User;
use crate::cli::output::Output;
use crate::cli::{Outcome, Stop};

/// Shortest password.
const SHORTEST: usize = 8;

/// Adds, lists and removes users.
pub(crate) fn run(wanted: &User, mut output: Output) -> Outcome {
    let (User::Add { users, .. } | User::List { users } | User::Remove { users, .. }) = wanted;
    let path = users_file(users.as_deref())?;
    let mut known = Users::read(&path)?;
    match wanted {
        User::Add { name, .. } => {
            let added = known.set(name, Verifier::of(&password(name)?)?)?;
            known.write()?;
            let what = if added { "added" } else { "changed the password of" };
            output.note(&format!("{what} {name} in {}", path.display()));
            Ok(())
        }
        User::List { .. } => {
            let names = known.names().map(str::to_owned).collect();
            crate::cli::session::list(&mut output, vec![("user", names)])
        }
        User::Remove { name, .. } => {
            if !known.remove(name) {
                let names: Vec<&str> = known.names().collect();
                return Err(Stop::usage(format!(
                    "there is no user {name:?} in {}; there are {}",
                    path.display(),
                    names.join(", ")
                )));
            }
            known.write()?;
            output.note(&format!("removed {name} from {}", path.display()));
            Ok(())
        }
    }
}

/// Asks for a password twice, without showing it; a pipe gives it once.
fn password(name: &str) -> Outcome<String> {
    let failed = |e: std::io::Error| Stop::file("read", "the password", &e);
    let password = if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("password for {name}: ")).map_err(failed)?;
        let second = rpassword::prompt_password("once more: ").map_err(failed)?;
        if first != second {
            return Err(Stop::usage("the two are not the same; nothing was changed"));
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.chars().count() < SHORTEST {
        return Err(Stop::usage(format!(
            "the password is shorter than {SHORTEST} characters; nothing was changed"
        )));
    }
    Ok(password)
}
