//! The configuration of a gateway: the paths that it serves, and the origins that it requests from.

use crate::{
    formats::seaweedfs::urls::file_url,
    http::{origins::Origins, percent, url},
};

/// The configuration of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayConfig {
    /// The origin of the filer.
    pub(crate) filer: String,
    /// The URL of a master; without one the filer relays the chunks.
    pub(crate) master: Option<String>,
    /// The only origins that requests are sent to.
    pub(crate) origins: Origins,
    prefixes: Vec<String>,
}

impl GatewayConfig {
    /// Reads the variables of the configuration. The error names the one that is missing or wrong.
    pub(crate) fn new(get: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let list = |name: &str| -> Vec<String> {
            let text = get(name).unwrap_or_default();
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let filer =
            get("KELP_FILER").and_then(|url| origin_only(&url)).ok_or("KELP_FILER must be an origin")?;
        let master = get("KELP_MASTER").filter(|url| !url.is_empty());
        let mut origins = vec![filer.clone()];
        if let Some(master) = &master {
            let master = url::checked(master);
            let origin = master.as_deref().and_then(url::origin).ok_or("KELP_MASTER must be a URL")?;
            origins.push(origin.to_owned());
        }
        for origin in list("KELP_ORIGINS") {
            origins.push(origin_only(&origin).ok_or("KELP_ORIGINS must be a list of origins")?);
        }
        let mut prefixes = list("KELP_PREFIXES");
        if prefixes.is_empty() || prefixes.iter().any(|prefix| !prefix.starts_with('/')) {
            return Err("KELP_PREFIXES must be a list of paths");
        }
        prefixes.iter_mut().for_each(|prefix| prefix.truncate(prefix.trim_end_matches('/').len()));
        let origins = Origins::only(origins).ok_or("KELP_ORIGINS must be a list of origins")?;
        Ok(Self { filer, master, origins, prefixes })
    }

    /// The URL at the filer for a request, if its path is served. `target`: the path and query of the request; the
    /// query is ignored.
    pub(crate) fn url(&self, target: &str) -> Option<String> {
        let path = percent::decode(target.split(['?', '#']).next()?)?;
        let mut parts = path.split('/');
        // Some servers take a part like `..` for the parent directory, others for a name, so such a path is not served.
        let is_plain = parts.next() == Some("") && parts.all(is_name);
        let is_served = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (is_plain && self.prefixes.iter().any(is_served)).then(|| file_url(&self.filer, &path))
    }
}

/// Whether every server takes this for the name of a file or directory.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(|c: char| c == '\\' || c.is_control())
}

/// The origin of a URL that has no path.
fn origin_only(url: &str) -> Option<String> {
    let url = url::checked(url.trim())?;
    let origin = url::origin(&url)?;
    matches!(url.strip_prefix(origin), Some("" | "/")).then(|| origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<GatewayConfig, &'static str> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        GatewayConfig::new(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn films() -> GatewayConfig {
        config(&[("KELP_FILER", "http://f:8888/"), ("KELP_PREFIXES", "/films/, /a b")]).unwrap()
    }

    #[test]
    fn paths_below_a_prefix_are_served() {
        let config = films();
        for (target, url) in [
            ("/films", "http://f:8888/films"),
            ("/films/one.webm?x=1", "http://f:8888/films/one.webm"),
            ("/films/%C3%A4%3F", "http://f:8888/films/%c3%a4%3f"),
            ("/a%20b/c", "http://f:8888/a%20b/c"),
        ] {
            assert_eq!(config.url(target).as_deref(), Some(url), "{target}");
        }
    }

    #[test]
    fn no_spelling_of_a_path_leaves_the_prefixes() {
        let config = films();
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
            assert_eq!(config.url(target), None, "{target}");
        }
    }

    #[test]
    fn a_slash_alone_serves_every_path() {
        let config = config(&[("KELP_FILER", "http://f"), ("KELP_PREFIXES", "/")]).unwrap();
        assert_eq!(config.url("/x/y").as_deref(), Some("http://f/x/y"));
    }

    #[test]
    fn only_configured_origins_are_allowed() {
        let config = config(&[
            ("KELP_FILER", "http://f:8888"),
            ("KELP_PREFIXES", "/"),
            ("KELP_MASTER", "http://m:9333/"),
            ("KELP_ORIGINS", "http://v1:8080, http://v2:8080"),
        ]);
        let expected = ["http://f:8888", "http://m:9333", "http://v1:8080", "http://v2:8080"];
        assert_eq!(Some(config.unwrap().origins), Origins::only(expected));
    }

    #[test]
    fn an_incomplete_or_wrong_configuration_is_refused() {
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
            assert!(config(variables).is_err(), "{variables:?}");
        }
    }
}
