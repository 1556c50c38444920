//! Encryption of what a browser is sent (RFC 8291, in the content coding `aes128gcm` of RFC 8188): the push service carries
//! it and cannot read it.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// An uncompressed point of P-256: `4`, x and y.
pub(crate) const PUBLIC_KEY: usize = 65;
/// Bytes of the secret that authenticates.
pub(crate) const AUTH: usize = 16;
const SALT: usize = 16;
/// One record takes all that a push service carries.
const RECORD: u32 = 4_096;
/// Behind the text of the last record.
const LAST: u8 = 2;

/// Keys of one browser.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) public: [u8; PUBLIC_KEY],
    pub(crate) auth: [u8; AUTH],
}

impl Keys {
    /// Whether the public key is a point of the curve.
    pub(crate) fn are_valid(&self) -> bool {
        let agreed = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
            .and_then(|own| agree_ephemeral(own, &self.peer(), |_| ()));
        agreed.is_ok()
    }

    /// Encrypts for this browser, with a key of our own for each message.
    pub(crate) fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
        let mut own_public = [0; PUBLIC_KEY];
        own_public.copy_from_slice(own.compute_public_key()?.as_ref());
        let mut salt = [0; SALT];
        random.fill(&mut salt)?;
        agree_ephemeral(own, &self.peer(), |shared| self.seal(shared, &own_public, &salt, plain))?
    }

    fn peer(&self) -> UnparsedPublicKey<&[u8]> {
        UnparsedPublicKey::new(&ECDH_P256, &self.public)
    }

    fn seal(
        &self,
        shared: &[u8],
        own_public: &[u8; PUBLIC_KEY],
        salt: &[u8; SALT],
        plain: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let info = [b"WebPush: info\0".as_slice(), &self.public, own_public].concat();
        let ikm: [u8; 32] = expand(&Salt::new(HKDF_SHA256, &self.auth).extract(shared), &info)?;
        let prk = Salt::new(HKDF_SHA256, salt).extract(&ikm);
        let key: [u8; 16] = expand(&prk, b"Content-Encoding: aes128gcm\0")?;
        let nonce: [u8; 12] = expand(&prk, b"Content-Encoding: nonce\0")?;

        let mut record = [plain, &[LAST]].concat();
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?).seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut record,
        )?;
        let length = u8::try_from(PUBLIC_KEY).expect("65 is a byte");
        Ok([salt.as_slice(), &RECORD.to_be_bytes(), &[length], own_public, &record].concat())
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[u8]) -> Result<[u8; N], Unspecified> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = [0; N];
    prk.expand(&[info], Length(N))?.fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_example_of_rfc_8291_appendix_a_comes_out() {
        let keys = Keys {
            public: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let shared: [u8; 32] = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let own = bytes(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");

        let body =
            keys.seal(&shared, &own, &salt, b"When I grow up, I want to be a watermelon").unwrap();

        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
        assert!(keys.are_valid());
    }

    #[test]
    fn a_message_is_never_encrypted_twice_the_same_and_a_wrong_key_is_seen() {
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = own.compute_public_key().unwrap().as_ref().try_into().unwrap();
        let keys = Keys { public, auth: [7; AUTH] };

        let (one, two) = (keys.encrypt(b"x").unwrap(), keys.encrypt(b"x").unwrap());

        assert_ne!(one, two);
        assert_eq!(one.len(), SALT + 4 + 1 + PUBLIC_KEY + 1 + 1 + AES_128_GCM.tag_len());
        let mut beside = keys.public;
        beside[64] ^= 1;
        assert!(!Keys { public: beside, auth: keys.auth }.are_valid());
        assert!(!Keys { public: [0; PUBLIC_KEY], auth: keys.auth }.are_valid());
    }
}
