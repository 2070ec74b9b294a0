//! What is printed when everything is up.

use crate::town::Town;

/// Addresses, keys and snippets, for people.
#[must_use]
pub fn welcome(town: &Town, title: Option<&str>, colours: bool) -> String {
    let strong = |text: &str| if colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut lines = vec![
        strong(title.unwrap_or("Local venues, for bots under test")),
        "Everything is on this machine; the keys open nothing anywhere else.".to_owned(),
    ];
    for (kind, hand) in &town.venues {
        let url = hand.base_url();
        let accounts = hand.accounts();
        lines.extend([String::new(), strong(&format!("{}  {url}", kind.name))]);
        for access in &accounts {
            lines.push(format!("  account {}", access.name));
            let width = access.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            lines.extend(access.fields.iter().map(|(name, value)| format!("    {name:<width$}  {value}")));
        }
        if let Some(access) = accounts.first() {
            for snippet in (kind.snippets)(&url, access) {
                // Without an indent: they are pasted as they stand.
                lines.extend([String::new(), format!("# {}", snippet.client)]);
                lines.extend(snippet.lines.lines().map(str::to_owned));
            }
        }
    }
    let control = town.control.base_url();
    lines.extend([String::new(), strong(&format!("control  {control}"))]);
    if let Some((kind, _)) = town.venues.first() {
        let (name, symbol) = (kind.name, (kind.symbol)("SOL"));
        lines.push(format!(
            "  curl {control}/{name}/price -d '{{\"symbol\": \"{symbol}\", \"price\": \"150\"}}'"
        ));
        lines.push(format!("  curl {control}/{name}/faults -d '{{\"fault\": \"lose_answer\", \"nth\": 3}}'"));
    }
    lines.extend([String::new(), format!("Seed {}. Ctrl-C ends it.", town.seed)]);
    lines.join("\n")
}
