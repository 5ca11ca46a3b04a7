//! MPEG-TS packets: whether the input is made of them, and where they begin.

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Enough bytes to recognise MPEG-TS: three packets in a row are no accident.
pub(super) const ENOUGH: usize = 2 * PACKET + 1;
const SURE: u8 = 3;

/// Where in a packet the next byte of the input is; an input of other bytes can be cut anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packets {
    /// Nothing has arrived.
    #[default]
    Unknown,
    /// At this offset in a packet, if the input consists of packets: this many of them have begun as they should.
    Within {
        at: usize,
        begun: u8,
    },
    Other,
}

/// Whether `front`, the first bytes of an input, begins with packets of MPEG-TS; `None` if more bytes could tell.
pub(super) fn is_transport_stream(front: &[u8]) -> Option<bool> {
    if front.iter().step_by(PACKET).any(|&byte| byte != SYNC) {
        return Some(false);
    }
    if front.len() >= ENOUGH { Some(true) } else { None }
}

impl Packets {
    /// The state after an input that begins with `front`.
    pub fn of(front: &[u8]) -> Self {
        let mut packets = Self::Within { at: 0, begun: 0 };
        packets.pass(front);
        packets
    }

    /// Whether the input consists of packets: two have begun as they should, or one is whole.
    pub fn are_there(self) -> bool {
        matches!(self, Self::Within { at: 0, begun: 1 } | Self::Within { begun: 2.., .. })
    }

    /// How many bytes are left until the next packet begins; 0 where the input can be cut.
    pub fn to_boundary(self) -> usize {
        match self {
            Self::Unknown | Self::Other | Self::Within { at: 0, .. } => 0,
            Self::Within { at, .. } => PACKET - at,
        }
    }

    /// Another source continues with the same kind of input: if that is packets, its first byte begins one.
    pub fn begin_anew(&mut self) {
        if let Self::Within { at, .. } = self {
            *at = 0;
        }
    }

    /// Advances past `bytes`. Where no packet begins where one should, as after a loss, the next byte that may begin
    /// one is sought; early on, the input counts as something else.
    pub fn pass(&mut self, bytes: &[u8]) {
        self.pass_with(bytes, begins_packet);
    }

    fn pass_with(&mut self, bytes: &[u8], mut begins: impl FnMut(&[u8], usize) -> bool) {
        let Self::Within { at, begun } = self else { return };
        let mut start = (PACKET - *at) % PACKET;
        while let Some(&byte) = bytes.get(start) {
            if byte == SYNC {
                *begun = begun.saturating_add(1);
            } else if *begun < SURE {
                *self = Self::Other;
                return;
            } else if let Some(next) = (start..bytes.len()).find(|&next| begins(bytes, next)) {
                start = next;
            } else {
                // The search continues in the bytes that follow.
                start = bytes.len();
                break;
            }
            start += PACKET;
        }
        *at = (PACKET - (start - bytes.len())) % PACKET;
    }
}

fn begins_packet(bytes: &[u8], at: usize) -> bool {
    let is_sync = |at: usize| bytes.get(at).is_none_or(|&byte| byte == SYNC);
    is_sync(at) && is_sync(at + PACKET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<u8> {
        (0..count).flat_map(|index| [vec![SYNC], vec![index as u8; PACKET - 1]].concat()).collect()
    }

    #[test]
    fn three_sync_bytes_in_their_places_make_a_transport_stream() {
        assert_eq!(is_transport_stream(b""), None);
        assert_eq!(is_transport_stream(&packets(2)), None);
        assert_eq!(is_transport_stream(&packets(3)[..ENOUGH]), Some(true));
        assert_eq!(is_transport_stream(b"ftyp"), Some(false));
        assert_eq!(is_transport_stream(&[SYNC; PACKET + 1]), None);
        assert_eq!(is_transport_stream(&[&packets(1)[..], b"x"].concat()), Some(false));
        for (front, are_there) in
            [(b"G".to_vec(), false), (packets(1), true), (packets(2), true), (b"x".to_vec(), false)]
        {
            assert_eq!(Packets::of(&front).are_there(), are_there, "{}", front.len());
        }
        let mut image = Packets::of(b"GIF89a");
        assert_eq!(image.to_boundary(), PACKET - 6);
        image.pass(&[0; 300]);
        assert_eq!(image, Packets::Other);
    }

    #[test]
    fn boundaries_are_found_however_the_bytes_arrive() {
        let stream = packets(50);
        for piece in [1, 7, 187, 188, 189, 1000, stream.len()] {
            let mut packets = Packets::of(b"");
            let mut passed = 0;
            for bytes in stream.chunks(piece) {
                packets.pass(bytes);
                passed += bytes.len();
                assert_eq!((passed + packets.to_boundary()) % PACKET, 0, "{piece} {passed}");
                assert!(packets.to_boundary() < PACKET);
            }
        }
    }

    #[test]
    fn a_packet_begins_where_another_sync_byte_follows_in_its_place() {
        let stream = [b"x", &packets(2)[..]].concat();
        let begins: Vec<_> = (0..PACKET).filter(|&at| begins_packet(&stream, at)).collect();
        assert_eq!(begins, [1]);
    }

    #[test]
    fn after_a_loss_boundaries_are_those_of_what_follows() {
        let stream = [&packets(3)[..], &packets(3)[100..]].concat();
        let mut packets = Packets::of(&stream);
        assert_eq!(packets.to_boundary(), 0);
        packets.pass(&[SYNC]);
        assert_eq!(packets.to_boundary(), PACKET - 1);
    }

    #[test]
    fn where_no_packets_follow_each_byte_is_examined_once() {
        let mut lost = Packets::of(&packets(3));
        let noise = vec![0; 100 * PACKET];
        for rounds in 1..4 {
            let mut steps = 0;
            lost.pass_with(&noise, |bytes, at| {
                steps += 1;
                begins_packet(bytes, at)
            });
            assert_eq!(steps, noise.len(), "{rounds}");
            assert_eq!(lost.to_boundary(), 0);
        }
        lost.pass(&[&noise[..77], &packets(4), &[SYNC]].concat());
        assert_eq!(lost.to_boundary(), PACKET - 1);
    }

    #[test]
    fn other_input_can_be_cut_anywhere() {
        let mut packets = Packets::of(b"other");
        packets.pass(b"other");
        assert_eq!((packets.to_boundary(), packets.are_there()), (0, false));
    }
}
