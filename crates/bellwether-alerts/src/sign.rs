//! Signatures of the Standard Webhooks specification, by which a receiver knows the sender and that nothing was changed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// How a secret is written: this, and the key in base64.
const PREFIX: &str = "whsec_";
/// Bytes that a key may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that sender and receiver share.
#[derive(Clone)]
pub struct SigningKey {
    mac: Hmac<Sha256>,
}

impl SigningKey {
    /// Reads `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(PREFIX).ok_or("it does not begin with whsec_")?;
        let key = BASE64_STANDARD.decode(rest);
        let key = key.map_err(|_| "what follows whsec_ is not base64")?;
        if LENGTHS.contains(&key.len()) {
            let mac = Hmac::new_from_slice(&key).map_err(|_| "it is too long")?;
            Ok(Self { mac })
        } else {
            Err("what follows whsec_ is not 24 to 64 bytes in base64")
        }
    }

    /// The signature of a message of this id, sent at this second: `v1,` and the HMAC-SHA256 in base64.
    #[must_use]
    pub fn sign(&self, id: &str, second: i64, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{second}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningKey(..)")
    }
}

/// The headers of a signed message: id, second of this attempt, and a signature by each key.
pub(crate) fn headers(
    keys: &[SigningKey],
    id: &str,
    second: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, second, body)).collect();
    let mut headers = vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", second.to_string()),
    ];
    if !signatures.is_empty() {
        headers.push(("webhook-signature", signatures.join(" ")));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use standardwebhooks::Webhook;

    fn secret(byte: u8, length: usize) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(vec![byte; length]))
    }

    #[test]
    fn an_independent_implementation_verifies_what_is_signed_and_while_the_key_is_changed_as_well() {
        let (new, old, other) = (secret(1, 24), secret(2, 64), secret(3, 32));
        let keys = [&new, &old].map(|text| SigningKey::parse(text).expect("a key"));
        let second = jiff::Timestamp::now().as_second();
        let body = "{\"a\":\"ü\"}".as_bytes();
        let headers = headers(&keys, "msg_1", second, body);
        let map = headers.iter().map(|(name, value)| {
            let name = standardwebhooks_name(name);
            (name, value.parse().expect("a header"))
        });
        let map = map.collect();
        for (text, verified) in [(&new, true), (&old, true), (&other, false)] {
            let webhook = Webhook::new(text).expect("a key");
            assert_eq!(webhook.verify(body, &map).is_ok(), verified);
            assert!(webhook.verify(b"{}", &map).is_err(), "another body");
        }
    }

    fn standardwebhooks_name(name: &str) -> ureq::http::HeaderName {
        name.parse().expect("a header")
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // By Python:
        // base64.b64encode(hmac.new(bytes(range(24)), b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}", "sha256").digest())
        let key = format!("{PREFIX}{}", BASE64_STANDARD.encode((0..24).collect::<Vec<u8>>()));
        let key = SigningKey::parse(&key).expect("a key");
        assert_eq!(
            key.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                b"{\"test\": 2432232314}"
            ),
            "v1,/485aUtxlie+TIScVpHggMfqOB4so2KWb7+Gf727B44="
        );
    }

    #[test]
    fn what_is_no_key_is_named_and_not_shown() {
        for (text, problem) in [
            ("abc", "it does not begin with whsec_"),
            ("whsec_!", "what follows whsec_ is not base64"),
            (
                &*secret(1, 23),
                "what follows whsec_ is not 24 to 64 bytes in base64",
            ),
            (
                &*secret(1, 65),
                "what follows whsec_ is not 24 to 64 bytes in base64",
            ),
        ] {
            assert_eq!(SigningKey::parse(text).err(), Some(problem));
        }
        let key = SigningKey::parse(&secret(1, 24)).expect("a key");
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
