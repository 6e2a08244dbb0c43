//! The one source of randomness.

/// `N` fresh random bytes of the crypto library's generator.
///
/// # Panics
/// When the operating system has no entropy to give: nothing safe can go on then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
