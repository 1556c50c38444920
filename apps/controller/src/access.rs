//! Who is let in: whoever shows an access token, or a browser with the cookie of a session. And what they may do.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use protocol::{ClientId, Clients, Role, Timestamp, TokenId};
use store::{AccessKey, AccessToken};

use crate::error::Error;
use crate::seats::Seat;
use crate::server::Server;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Cookies of the session's name that are looked at.
const COOKIES: usize = 8;

/// Whoever was let in, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The name that the access token was given.
    pub(crate) user: String,
    pub(crate) role: Role,
    /// Which clients they may see.
    pub(crate) clients: Clients,
    pub(crate) token_id: TokenId,
    /// Where they come from, if the server knows.
    pub(crate) address: Option<IpAddr>,
    /// When the token ends.
    pub(crate) until: Option<Timestamp>,
    /// Of whoever shows a token, that of the token.
    pub(crate) seat: Seat,
    /// When the session ends of one who came with a cookie, if it is not used until then.
    pub(crate) session: Option<Timestamp>,
}

impl Caller {
    fn new(
        token: AccessToken,
        address: Option<IpAddr>,
        seat: Seat,
        session: Option<Timestamp>,
    ) -> Self {
        let AccessToken { token_id, name: user, role, clients, expires_at: until, .. } = token;
        Self { user, role, clients, token_id, address, until, seat, session }
    }

    /// Whether they may do what takes that role.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub(crate) fn may(&self, wanted: Role) -> Result<(), Error> {
        if self.role.covers(wanted) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Whether they may do what concerns the whole server, and so every client.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub(crate) fn admin(&self) -> Result<(), Error> {
        if self.clients.are_all() { self.may(Role::Admin) } else { Err(Error::Forbidden) }
    }

    /// Whether they may see that client. One that they may not is as one that there is not, so that nobody learns of it.
    ///
    /// # Errors
    /// [`Error::ClientNotFound`]
    pub(crate) fn sees(&self, client: &ClientId) -> Result<(), Error> {
        if self.clients.include(client) {
            Ok(())
        } else {
            Err(Error::ClientNotFound(client.clone()))
        }
    }

    /// Whether they may see all clients.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub(crate) fn sees_all(&self) -> Result<(), Error> {
        if self.clients.are_all() { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// The token whose connections and sessions they may know of: of one who may see all clients, every one.
    pub(crate) fn only(&self) -> Option<&TokenId> {
        (!self.clients.are_all()).then_some(&self.token_id)
    }

    /// Whether they may not be here any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.seat.has_ended() || self.until.is_some_and(|end| end <= Timestamp::now())
    }

    /// Resolves when they may not be here any more: logged out, revoked or expired.
    pub(crate) async fn ended(&self) {
        let expired = async {
            match self.until {
                Some(end) => {
                    let left = end.as_millis().saturating_sub(Timestamp::now().as_millis());
                    tokio::time::sleep(Duration::from_millis(left)).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.seat.ended() => {}
            () = expired => {}
        }
    }
}

impl Server {
    /// Lets in whoever shows `token`, or else has a cookie. A token that is shown counts alone.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], the same whatever is wrong: whoever may not come in learns nothing.
    pub(crate) async fn admit(
        &self,
        token: Option<&str>,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<Caller, Error> {
        let address = peer.map(|peer| peer.ip());
        let now = Timestamp::now();
        // Seated before it is looked up: whoever ends the token or session meanwhile ends it for this one, too.
        if let Some(token) = token {
            let seat = self.seats.enter(AccessKey::of(token));
            let known = self.db.use_token(token, now).await?.ok_or(Error::Unauthorized)?;
            return Ok(Caller::new(known, address, seat, None));
        }
        let key = self.session_of(headers).await.ok_or(Error::Unauthorized)?;
        let seat = self.seats.enter(key);
        let session = self.db.use_session(key, now).await?.ok_or(Error::Unauthorized)?;
        Ok(Caller::new(session.token, address, seat, Some(session.expires_at)))
    }

    /// The session that the cookie names, which may not exist. None for a request of somebody else's page.
    pub(crate) async fn session_of(&self, headers: &HeaderMap) -> Option<AccessKey> {
        self.secret_of(headers).await.map(AccessKey::of)
    }

    /// The cookie itself. Of several, which other servers of the host may have set, the first that names a session.
    pub(crate) async fn secret_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let secrets = self.own_cookies(headers);
        let known = self.known_of(&secrets).await;
        known.or_else(|| secrets.first().copied())
    }

    /// By what a request would come in, for those who count guesses: a token, or the cookie of a session with its name, as a browser
    /// that has no other shows it in a handshake, where the gateway counts. Of several cookies of which none is known each is a
    /// guess; together with others, a right one is the same as alone.
    pub(crate) async fn shown<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        if let Some(token) = bearer(headers) {
            return Some(token.into());
        }
        let secrets = self.own_cookies(headers);
        let known = self.known_of(&secrets).await.map(ToOwned::to_owned);
        let secret = known.unwrap_or_else(|| secrets.join(";"));
        let name = cookie_name(headers).filter(|_| !secrets.is_empty())?;
        Some(format!("{name}={secret}").into())
    }

    /// What cookies of the session's name have; none of a request of somebody else's page.
    fn own_cookies<'a>(&self, headers: &'a HeaderMap) -> Vec<&'a str> {
        if is_own_page(headers, &self.origins()) { cookies(headers) } else { Vec::new() }
    }

    /// Of several, the first that names a session. One alone is not looked up.
    async fn known_of<'a>(&self, secrets: &[&'a str]) -> Option<&'a str> {
        if secrets.len() < 2 {
            return None;
        }
        for secret in secrets {
            // What cannot be looked up fails again when it is used, which is said then.
            if self.db.has_session(AccessKey::of(secret)).await.unwrap_or_default() {
                return Some(secret);
            }
        }
        None
    }
}

/// The access token in the header for it.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whether a request may come from a page of the controller's own, by what browsers say of its origin. A page at another
/// port of the same host is of the same *site*, so the cookie's `SameSite` does not keep it out.
pub(crate) fn is_own_page(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(host) = text(headers, &HOST) else { return false };
    let is_own = |origin: &str| {
        let scheme = ["http://", "https://"].into_iter().find_map(|s| origin.strip_prefix(s));
        scheme.is_some_and(|named| named.eq_ignore_ascii_case(host))
            || (origin != "*" && origins.iter().any(|known| known == origin))
    };
    headers.get_all(ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_own))
        && headers
            .get_all(SEC_FETCH_SITE)
            .iter()
            .all(|site| *site == "same-origin" || *site == "none")
}

/// Whether the browser came by https, as a proxy before the controller says.
pub(crate) fn is_secure(headers: &HeaderMap) -> bool {
    let protocols = text(headers, &X_FORWARDED_PROTO).unwrap_or_default();
    let first = protocols.split(',').next().unwrap_or_default().trim();
    // Some proxies name the protocol of a WebSocket.
    ["https", "wss"].iter().any(|secure| first.eq_ignore_ascii_case(secure))
}

/// Name of the session's cookie. Cookies are shared by all ports of a host, so it has the port; none without a sound host.
pub(crate) fn cookie_name(headers: &HeaderMap) -> Option<String> {
    let host = Authority::from_str(text(headers, &HOST)?).ok()?;
    let port = host.port_u16().unwrap_or(if is_secure(headers) { 443 } else { 80 });
    Some(format!("longshore_{port}"))
}

/// What cookies of the session's name have. A browser sends several when one is for a longer path, that one first.
fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let Some(name) = cookie_name(headers) else { return Vec::new() };
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(named, _)| named.trim() == name).map(|(_, value)| value.trim());
    named.take(COOKIES).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::seats::Seats;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn caller(role: Role, clients: Clients, until: Option<Timestamp>) -> Caller {
        let token = AccessToken { expires_at: until, ..AccessToken::new("ann", role, clients) };
        Caller::new(token, None, Seats::default().enter(AccessKey::of("ls_ann")), None)
    }

    #[test]
    fn a_role_is_asked_for_and_a_client_that_is_not_yours_is_none() {
        let [mine, other] = ["mine", "other"].map(|id| ClientId::new(id).unwrap());
        let limited = caller(Role::User, Clients::Only([mine.clone()].into()), None);
        let admin = caller(Role::Admin, Clients::All, None);

        assert!(limited.may(Role::User).is_ok() && limited.sees(&mine).is_ok());
        assert!(matches!(limited.admin(), Err(Error::Forbidden)));
        assert!(matches!(limited.sees(&other), Err(Error::ClientNotFound(id)) if id == other));
        assert!(admin.admin().is_ok() && admin.sees(&other).is_ok());
        assert_eq!((limited.only(), admin.only()), (Some(&limited.token_id), None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_ends_with_the_token_or_its_seat() {
        let soon = Timestamp::from_millis(Timestamp::now().as_millis() + 60_000);
        let expiring = caller(Role::User, Clients::All, Some(soon));
        assert!(!expiring.has_ended());
        expiring.ended().await;
        let past = caller(Role::User, Clients::All, Some(Timestamp::from_millis(1)));
        assert!(past.has_ended());

        let seats = Seats::default();
        let key = AccessKey::of("ls_ann");
        let token = AccessToken::new("ann", Role::User, Clients::All);
        let seated = Caller::new(token, None, seats.enter(key), None);
        assert!(!seated.has_ended());
        seats.end(key);
        seated.ended().await;
        assert!(seated.has_ended());
    }

    #[test]
    fn only_pages_of_the_same_origin_are_own() {
        let own = |more: &[(&'static str, &str)]| {
            let all = [&[("host", "box:8081")], more].concat();
            is_own_page(&headers(&all), &["https://known.example".to_owned(), "*".to_owned()])
        };

        assert!(own(&[]));
        assert!(own(&[("origin", "http://box:8081"), ("sec-fetch-site", "same-origin")]));
        assert!(own(&[("origin", "https://Box:8081")]));
        assert!(own(&[("origin", "https://known.example")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        for origin in
            ["http://box:8082", "http://box", "https://box:80810", "null", "*", "box:8081", ""]
        {
            assert!(!own(&[("origin", origin)]), "{origin}");
        }
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(!own(&[("origin", "http://box:8081"), ("sec-fetch-site", "cross-site")]));
        assert!(!is_own_page(&headers(&[("origin", "http://")]), &[]));
    }

    #[test]
    fn the_cookie_is_named_after_the_port() {
        let name = |host| cookie_name(&headers(&[("host", host)]));

        assert_eq!(name("box:8081").unwrap(), "longshore_8081");
        assert_eq!(name("[::1]:9").unwrap(), "longshore_9");
        assert_eq!(name("[::1]").unwrap(), "longshore_80");
        assert_eq!(name("box/x"), None);
        let proxied = headers(&[("host", "box"), ("x-forwarded-proto", "https, http")]);
        assert_eq!(cookie_name(&proxied).unwrap(), "longshore_443");
        assert!(is_secure(&proxied));
        assert!(is_secure(&headers(&[("x-forwarded-proto", "wss")])));
        assert!(!is_secure(&headers(&[("x-forwarded-proto", "http, https")])));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |text: &str| {
            let headers = headers(&[("host", "box:8081"), ("cookie", text)]);
            cookies(&headers).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
        };

        assert_eq!(found("a=b; longshore_8081=lss_x=; c"), ["lss_x="]);
        assert_eq!(found("longshore_8081=x; a=b; longshore_8081=lss_x"), ["x", "lss_x"]);
        assert_eq!(found(&"longshore_8081=x;".repeat(100)).len(), COOKIES);
        assert!(found("longshore_8082=lss_x").is_empty());
        assert!(found("xlongshore_8081=lss_x; =; ;").is_empty());
    }
}
