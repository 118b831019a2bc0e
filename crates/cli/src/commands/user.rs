//! `orch user`: accounts from the shell of the machine that holds the data. The
//! way to make the first admin without letting strangers race for it.

use std::io::{BufRead as _, IsTerminal as _};

use domain::id::UserId;
use server::{Passwords, normalize_email};
use store::{NewUser, Role, User, UserError};

use crate::exit::{Ended, Exit, Failure};
use crate::follow_up::orch;
use crate::output::say;
use crate::system::RandomIds;
use crate::wire_up::{Place, Setup, now};

/// Shortest password, in characters.
const PASSWORD_CHARS_MIN: usize = 8;

/// Make accounts, set passwords, promote.
#[derive(Debug, clap::Subcommand)]
pub enum UserCommand {
    /// Make an account; the password is read from the terminal or standard input.
    #[command(after_help = "Example:\n  orch user add you@example.com --admin")]
    Add {
        /// E-mail address.
        email: String,
        /// Name to show.
        #[arg(long, default_value = "")]
        name: String,
        /// May administer. The first account may in any case.
        #[arg(long)]
        admin: bool,
    },
    /// Set a password; all sessions of the account end.
    Password {
        /// E-mail address.
        email: String,
    },
    /// Let an account administer.
    Promote {
        /// E-mail address.
        email: String,
    },
}

impl UserCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// When the address, the password or the database cannot be used.
    pub async fn run(self, setup: &Setup) -> Ended {
        let place = setup.open().await?;
        match self {
            Self::Add { email, name, admin } => add(&place, &email, name, admin).await?,
            Self::Password { email } => set_password(&place, &email).await?,
            Self::Promote { email } => {
                let user = find(&place, &email).await?;
                place.store.update_user(&user.id, Some(Role::Admin), None, now()).await.map_err(failure)?;
                say(&format!("{} may administer now", user.email));
            }
        }
        place.store.close().await;
        Ok(Exit::Completed)
    }
}

async fn add(place: &Place, email: &str, name: String, is_admin: bool) -> Result<(), Failure> {
    let email = checked(email)?;
    let hash = hashed(ask_password()?).await?;
    let name =
        if name.trim().is_empty() { email.split('@').next().unwrap_or_default().to_owned() } else { name };
    let new = NewUser {
        id: UserId::fresh(&mut RandomIds),
        email,
        display_name: name,
        password_hash: Some(hash),
        role: if is_admin { Role::Admin } else { Role::User },
    };
    let user = place.store.insert_user(new, now()).await.map_err(failure)?;
    let role = if user.role == Role::Admin { "an admin" } else { "a user" };
    say(&format!("{} is {role} now", user.email));
    Ok(())
}

async fn set_password(place: &Place, email: &str) -> Result<(), Failure> {
    let user = find(place, email).await?;
    let hash = hashed(ask_password()?).await?;
    place.store.set_password_hash(&user.id, hash, now()).await?;
    place.store.revoke_all_sessions(&user.id, now()).await?;
    say(&format!("{} has a new password; its sessions have ended", user.email));
    Ok(())
}

fn checked(email: &str) -> Result<String, Failure> {
    normalize_email(email)
        .map_err(|reason| Failure::usage(format!("{email:?} is no e-mail address: {reason}")))
}

async fn find(place: &Place, email: &str) -> Result<User, Failure> {
    let email = checked(email)?;
    let found = place.store.find_user_by_email(&email).await?;
    found.ok_or_else(|| {
        Failure::error(format!("there is no account {email}"))
            .hint(format!("make one with: {}", orch("user add EMAIL")))
    })
}

async fn hashed(password: String) -> Result<String, Failure> {
    let passwords = Passwords::default();
    passwords.hash(password).await.map_err(|_| Failure::error("the password could not be hashed"))
}

/// Reads a password: twice from a terminal, once from anything else.
fn ask_password() -> Result<String, Failure> {
    let password = if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        say("Password:");
        let first = terminal.read_secure_line()?;
        say("Once more:");
        if terminal.read_secure_line()? != first {
            return Err(Failure::usage("the two passwords differ; nothing was changed"));
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        let message =
            format!("a password has {PASSWORD_CHARS_MIN} characters or more; this one has {length}");
        return Err(Failure::usage(message));
    }
    Ok(password)
}

fn failure(error: UserError) -> Failure {
    Failure::error(error.to_string())
}
