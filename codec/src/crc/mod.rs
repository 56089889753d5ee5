//! CRC-32 (ISO-HDLC, of gzip and Ethernet) and CRC-32C (Castagnoli, RFC 3720, B.4).
//!
//! CRC-32C is what a volume server of SeaweedFS computes of the stored bytes of a needle and sends as its ETag
//! (`weed/storage/needle/crc.go`).

#[cfg(any(test, feature = "kernels", all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) mod kernel;

#[cfg(any(test, feature = "kernels", all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use kernel::Crc32;

/// The CRC-32 of bytes that follow others. `crc` is the value of the others, 0 if there are none.
#[must_use]
pub fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return kernel::Crc32::continued(crc, bytes);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    {
        let mut hasher = crc32fast::Hasher::new_with_initial(crc);
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// The CRC-32C of bytes that follow others. `crc` is the value of the others, 0 if there are none.
#[must_use]
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return kernel::Crc32c::continued(crc, bytes);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(test)]
mod tests;
