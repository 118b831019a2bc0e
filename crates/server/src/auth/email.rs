//! Addresses as people type them. Nothing is looked up on a network.

/// Longest address, in characters.
const CHARS_MAX: usize = 254;

/// Top-level names that lead nowhere in public.
const SPECIAL_USE: [&str; 6] = ["test", "local", "localhost", "invalid", "onion", "arpa"];

/// The bare address: space around it and a name before it are dropped, the domain
/// is lower case, what stands before the `@` is kept as typed.
///
/// # Errors
/// Why it is no address, for a person.
pub fn normalize(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("An email address has no control characters");
    }
    let bare = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(start), Some(inner)) => inner[start + 1..].trim(),
        (None, None) => text,
        _ => return Err("An email address has no angle brackets"),
    };
    let Some((local, domain)) = bare.split_once('@') else {
        return Err("An email address must have an @-sign");
    };
    if bare.chars().count() > CHARS_MAX {
        return Err("The email address is too long");
    }
    check_local(local)?;
    let domain = domain.to_lowercase();
    check_domain(&domain)?;
    Ok(format!("{local}@{domain}"))
}

fn check_local(local: &str) -> Result<(), &'static str> {
    let is_allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_dotted_well = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    if local.is_empty() || local.len() > 64 || !local.chars().all(is_allowed) || !is_dotted_well {
        return Err("The part before the @-sign is not valid");
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let mut labels = domain.rsplit('.');
    let top = labels.next().unwrap_or_default();
    if SPECIAL_USE.contains(&top) {
        return Err("The part after the @-sign is a special-use name that cannot receive mail");
    }
    if !domain.contains('.') || !domain.split('.').all(is_label) || top.chars().all(|c| c.is_ascii_digit()) {
        return Err("The part after the @-sign is not valid");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reduced_to_what_counts() {
        for (typed, kept) in [
            ("  ann@Example.COM ", "ann@example.com"),
            ("Ann Lee <Ann.Lee@test.com>", "Ann.Lee@test.com"),
            ("<a@b.co>", "a@b.co"),
            ("jörg+x@bücher.example", "jörg+x@bücher.example"),
        ] {
            assert_eq!(normalize(typed).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("a@{}.com", "b.".repeat(200));
        for typed in [
            "",
            "a",
            "a@",
            "@b.com",
            "a@b@c.com",
            "a@b",
            "a b@c.com",
            "a@b..com",
            ".a@b.com",
            "a@-b.com",
            "a@b.test",
            "a@localhost",
            "a@x.local",
            "a@1.2.3.4",
            "a\n@b.com",
            "a@b.com>",
            "<a@b.com",
            &long,
            "a@b.com\u{0}",
        ] {
            assert!(normalize(typed).is_err(), "{typed:?}");
        }
    }
}
