//! The configuration of a gateway: the paths that it serves and to whom, and the origins that it requests from.

use std::time::Duration;

use super::{patience::Patience, signed_url::UrlKeys};
use crate::{
    formats::seaweedfs::urls::file_url,
    http::{origins::Origins, percent, url},
};

/// The configuration of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayConfig {
    /// The origin of the filer.
    pub(crate) filer: String,
    /// The URL of a master; without one the filer relays the chunks.
    pub(crate) master: Option<String>,
    /// The only origins that requests are sent to.
    pub(crate) origins: Origins,
    prefixes: Vec<String>,
    /// The keys that sign URLs. If there is none, no signature is needed.
    pub(crate) keys: UrlKeys,
    /// Downloads of one signed URL at a time.
    pub(crate) url_downloads: usize,
    /// The only hosts that are served; empty: every one.
    pub(crate) hosts: Vec<String>,
    /// An origin whose pages may read the responses.
    pub(crate) cors: Option<String>,
    /// Replaces what is stored with a file.
    pub(crate) cache_control: String,
    /// Bytes that the downloads of an instance may hold.
    pub(crate) memory: u64,
    pub(crate) patience: Patience,
    /// Whether each request is a line in the log.
    pub(crate) audit: bool,
}

/// Folders of the filer itself: its configuration with credentials, and the log of its metadata with the keys of chunks.
const OF_THE_FILER: [&str; 2] = ["/etc", "/topics"];

/// The default of `KELP_CACHE_CONTROL`: a shared cache would serve the file to clients without a signature.
const CACHE_CONTROL: &str = "private, no-cache";

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
        let text = |name: &str| get(name).filter(|text| !text.is_empty());
        let number = |name: &str, default: u64| match text(name).map(|text| text.parse::<u64>()) {
            None => Ok(default),
            Some(Ok(number)) if number > 0 => Ok(number),
            Some(_) => Err("a limit must be a number of at least 1"),
        };
        let keys =
            UrlKeys::new(&get("KELP_URL_KEYS").unwrap_or_default(), text("KELP_URL_MAX_AGE").as_deref())?;
        let yes = |name: &str| text(name).as_deref() == Some("yes");
        if keys.is_empty() && !yes("KELP_PUBLIC") {
            return Err("neither KELP_URL_KEYS nor KELP_PUBLIC=yes is set");
        }
        let (stall, patience, least_rate) = Patience::DEFAULT;
        let seconds = |name: &str, default| number(name, default).map(Duration::from_secs);
        Ok(Self {
            filer,
            master,
            origins,
            prefixes,
            keys,
            url_downloads: usize::try_from(number("KELP_URL_DOWNLOADS", 16)?).unwrap_or(usize::MAX),
            hosts: list("KELP_HOSTS").iter().map(|host| host.to_ascii_lowercase()).collect(),
            cors: text("KELP_CORS"),
            cache_control: text("KELP_CACHE_CONTROL").unwrap_or_else(|| CACHE_CONTROL.to_owned()),
            memory: number("KELP_MEMORY_MIB", 64)?.saturating_mul(1 << 20),
            patience: Patience::new(
                seconds("KELP_STALL_SECONDS", stall)?,
                seconds("KELP_CLIENT_SECONDS", patience)?,
                number("KELP_LEAST_RATE", least_rate)?,
            ),
            audit: yes("KELP_AUDIT"),
        })
    }

    /// The URL at the filer for a request, if its path is served. `target`: the path and query of the request; the
    /// query is ignored.
    pub(crate) fn url(&self, target: &str) -> Option<String> {
        let path = percent::decode(target.split(['?', '#']).next()?)?;
        let mut parts = path.split('/');
        // Some servers take a part like `..` for the parent directory, others for a name, so such a path is not served.
        let is_plain = parts.next() == Some("") && parts.all(is_name);
        // A folder of the filer itself is served only by a prefix that names it.
        let own = OF_THE_FILER.iter().find(|folder| is_below(&path, folder));
        let is_served =
            |prefix: &String| is_below(&path, prefix) && own.is_none_or(|folder| is_below(prefix, folder));
        (is_plain && self.prefixes.iter().any(is_served)).then(|| file_url(&self.filer, &path))
    }
}

/// Whether a path is a folder or below it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        let public = [("KELP_PUBLIC", "yes")];
        let find = |name: &str| variables.iter().chain(&public).find(|(known, _)| *known == name);
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

    // F169
    #[test]
    fn the_folders_of_the_filer_are_served_by_name_only() {
        let all = |prefixes| config(&[("KELP_FILER", "http://f"), ("KELP_PREFIXES", prefixes)]).unwrap();
        for path in ["/etc", "/etc/seaweedfs/filer.conf", "/%65tc/x", "/topics/.system/log/1"] {
            assert_eq!(all("/, /d").url(path), None, "{path}");
        }
        assert!(all("/").url("/etcetera").is_some() && all("/").url("/a/etc").is_some());
        assert!(
            all("/etc").url("/etc/x").is_some() && all("/topics/.system").url("/topics/.system/x").is_some()
        );
    }

    #[test]
    fn a_gateway_is_public_only_if_it_says_so() {
        let variables = |public: &'static str| {
            config(&[("KELP_PUBLIC", public), ("KELP_FILER", "http://f"), ("KELP_PREFIXES", "/")])
        };
        assert!(variables("yes").is_ok() && variables("").is_err() && variables("no").is_err());
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
            &[filer, all, ("KELP_URL_KEYS", "one:short")],
            &[filer, all, ("KELP_MEMORY_MIB", "0")],
            &[filer, all, ("KELP_LEAST_RATE", "x")],
        ] {
            assert!(config(variables).is_err(), "{variables:?}");
        }
    }
}
