//! The bounds that keep a hostile or broken peer from exhausting a copy. Local edits keep to the same
//! ones, so that nothing is made here that others would refuse.

/// Replicas of one document.
pub const REPLICAS_MAX: usize = 4_096;
/// The highest seq of a replica: the largest integer that JavaScript's numbers hold exactly.
pub const SEQ_MAX: u64 = (1 << 53) - 1;
/// Containers inside containers, and lists and maps inside a plain value.
pub const DEPTH_MAX: usize = 64;
/// UTF-8 bytes of a map key or of a root container's name.
pub const KEY_BYTES_MAX: usize = 1_024;
/// Encoded bytes of one plain value.
pub const VALUE_BYTES_MAX: usize = 512 * 1_024;
/// The sum of the increments, and that of the decrements, of one replica in one counter.
pub const COUNTER_MAX: u64 = 1 << 53;
/// Names of marks that a reader is shown on one character, the first ones in order; the others are there.
pub const MARKS_SHOWN_MAX: usize = 128;
/// Concurrent values of one key.
pub const SIBLINGS_MAX: usize = 4_096;
