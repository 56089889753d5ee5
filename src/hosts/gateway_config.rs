//! What a gateway serves: which paths, and from which origins.

use crate::{
    formats::seaweedfs::urls::file_url,
    http::{percent, url},
};

/// The limits of a gateway, as they were configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayConfig {
    /// Origin of the filer.
    pub(crate) filer: String,
    /// URL of a master, if chunks are not relayed by the filer.
    pub(crate) master: Option<String>,
    /// All origins that may be asked.
    pub(crate) origins: Vec<String>,
    prefixes: Vec<String>,
}

impl GatewayConfig {
    /// Reads the configuration; the error names what is missing or wrong.
    pub(crate) fn new(get: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let list = |name: &str| -> Vec<String> {
            let text = get(name).unwrap_or_default();
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let filer =
            get("KELP_FILER").and_then(|url| origin_alone(&url)).ok_or("KELP_FILER must be an origin")?;
        let master = get("KELP_MASTER").filter(|url| !url.is_empty());
        let mut origins = vec![filer.clone()];
        if let Some(master) = &master {
            let master = url::checked(master);
            let origin = master.as_deref().and_then(url::origin).ok_or("KELP_MASTER must be a URL")?;
            origins.push(origin.to_owned());
        }
        for origin in list("KELP_ORIGINS") {
            origins.push(origin_alone(&origin).ok_or("KELP_ORIGINS must be origins")?);
        }
        let mut prefixes = list("KELP_PREFIXES");
        if prefixes.is_empty() || prefixes.iter().any(|prefix| !prefix.starts_with('/')) {
            return Err("KELP_PREFIXES must be paths");
        }
        prefixes.iter_mut().for_each(|prefix| prefix.truncate(prefix.trim_end_matches('/').len()));
        Ok(Self { filer, master, origins, prefixes })
    }

    /// The URL at the filer of what a request asks for, if it may be had. `target`: its path and query;
    /// the query says nothing.
    pub(crate) fn url(&self, target: &str) -> Option<String> {
        let path = percent::decode(target.split(['?', '#']).next()?)?;
        let mut parts = path.split('/');
        // What one server takes for a step upwards, another one takes for a name.
        let is_plain = parts.next() == Some("") && parts.all(is_name);
        let is_served = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (is_plain && self.prefixes.iter().any(is_served)).then(|| file_url(&self.filer, &path))
    }
}

/// Whether this is the name of a file or of a directory, whoever reads it.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(|c: char| c == '\\' || c.is_control())
}

fn origin_alone(url: &str) -> Option<String> {
    let url = url::checked(url.trim())?;
    let origin = url::origin(&url)?;
    matches!(url.strip_prefix(origin), Some("" | "/")).then(|| origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(variables: &[(&str, &str)]) -> Result<GatewayConfig, &'static str> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        GatewayConfig::new(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn films() -> GatewayConfig {
        gate(&[("KELP_FILER", "http://f:8888/"), ("KELP_PREFIXES", "/films/, /a b")]).unwrap()
    }

    #[test]
    fn what_is_below_a_prefix_is_served() {
        let gate = films();
        for (target, url) in [
            ("/films", "http://f:8888/films"),
            ("/films/one.webm?x=1", "http://f:8888/films/one.webm"),
            ("/films/%C3%A4%3F", "http://f:8888/films/%c3%a4%3f"),
            ("/a%20b/c", "http://f:8888/a%20b/c"),
        ] {
            assert_eq!(gate.url(target).as_deref(), Some(url), "{target}");
        }
    }

    #[test]
    fn no_spelling_of_a_path_leads_out_of_the_prefixes() {
        let gate = films();
        for target in [
            "",
            "*",
            "/",
            "films/a",
            "/film",
            "/filmsx",
            "/FILMS/a",
            "/films/../etc",
            "/films/%2e%2e/etc",
            "/films/%2E./etc",
            "/films/./a",
            "/films//a",
            "/films/..%2fetc",
            "/films/a%5c..%5cetc",
            "/films/a%00",
            "/films/a%0d%0ax",
            "/films/%ff",
            "/films/%",
            "//evil/films/a",
            "http://evil/films/a",
            "/%2ffilms/a",
            "/films%252f..",
            "/films/",
        ] {
            assert_eq!(gate.url(target), None, "{target}");
        }
    }

    #[test]
    fn a_slash_alone_serves_every_path() {
        let gate = gate(&[("KELP_FILER", "http://f"), ("KELP_PREFIXES", "/")]).unwrap();
        assert_eq!(gate.url("/x/y").as_deref(), Some("http://f/x/y"));
    }

    #[test]
    fn only_what_is_configured_may_be_asked() {
        let gate = gate(&[
            ("KELP_FILER", "http://f:8888"),
            ("KELP_PREFIXES", "/"),
            ("KELP_MASTER", "http://m:9333/"),
            ("KELP_ORIGINS", "http://v1:8080, http://v2:8080"),
        ]);
        let expected = ["http://f:8888", "http://m:9333", "http://v1:8080", "http://v2:8080"];
        assert_eq!(gate.unwrap().origins, expected);
    }

    #[test]
    fn a_configuration_that_says_too_little_or_too_much_is_refused() {
        let filer = ("KELP_FILER", "http://f");
        let all = ("KELP_PREFIXES", "/");
        for variables in [
            &[] as &[_],
            &[filer],
            &[all],
            &[filer, ("KELP_PREFIXES", " , ")],
            &[filer, ("KELP_PREFIXES", "films")],
            &[("KELP_FILER", "http://f/path"), all],
            &[("KELP_FILER", "f:8888"), all],
            &[filer, all, ("KELP_MASTER", "m")],
            &[filer, all, ("KELP_ORIGINS", "http://v/x")],
        ] {
            assert!(gate(variables).is_err(), "{variables:?}");
        }
    }
}
