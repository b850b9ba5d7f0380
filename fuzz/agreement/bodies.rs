//! Encoded messages from a seed: random bytes, whole messages, and messages that were changed as an attacker or a fault would.

pub(super) struct Bodies {
    state: u64,
    /// Numbers of fields, each with its usual wire type.
    fields: &'static [(u64, u64)],
}

impl Bodies {
    pub(super) fn new(seed: u64, fields: &'static [(u64, u64)]) -> Self {
        Self { state: seed | 1, fields }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        if self.below(8) == 0 {
            let len = self.below(24);
            body.extend((0..len).map(|_| 0u8));
            body.iter_mut().for_each(|byte| *byte = self.byte());
            return body;
        }
        for _ in 0..self.below(5) {
            self.put_field(&mut body, 2);
        }
        for _ in 0..self.below(3) {
            self.spoil(&mut body);
        }
        body
    }

    fn put_field(&mut self, body: &mut Vec<u8>, depth: u32) {
        let (number, usual) = self.fields[self.index(self.fields.len())];
        let wire = if self.below(4) == 0 { self.below(8) } else { usual };
        self.put_varint(body, number << 3 | wire);
        match wire {
            0 => {
                let bits = self.next_bits() >> self.below(64);
                self.put_varint(body, bits);
            }
            1 => body.extend(self.next_bits().to_le_bytes()),
            2 => {
                let mut inside = Vec::new();
                match depth > 0 && self.below(3) == 0 {
                    true => self.put_field(&mut inside, depth - 1),
                    false => (0..self.below(9)).for_each(|_| inside.push(self.byte() & 0x7f)),
                }
                self.put_varint(body, inside.len() as u64);
                body.extend(inside);
            }
            3 if depth > 0 => {
                self.put_field(body, depth - 1);
                self.put_varint(body, number << 3 | 4);
            }
            5 => body.extend(&self.next_bits().to_le_bytes()[..4]),
            _ => {}
        }
    }

    /// Sometimes longer than it must be.
    fn put_varint(&mut self, body: &mut Vec<u8>, mut bits: u64) {
        while bits >= 0x80 {
            body.push(bits as u8 | 0x80);
            bits >>= 7;
        }
        match self.below(16) {
            0 => body.extend([bits as u8 | 0x80, 0x80, 0x00]),
            _ => body.push(bits as u8),
        }
    }

    fn spoil(&mut self, body: &mut Vec<u8>) {
        let at = self.index(body.len() + 1);
        match self.below(7) {
            // It ends in the head of a field that swallows what is appended.
            0 => body.extend([[0x7a, 0x22, 0x12, 0x3a][self.index(4)], self.below(16) as u8]),
            1 => body.push([0x7d, 0x79, 0x45, 0x41, 0x78, 0x08, 0xfa, 0x7b][self.index(8)]),
            2 => body.truncate(at),
            3 => body.insert(at, self.byte()),
            4 if at < body.len() => body[at] ^= 1 << self.below(8),
            5 if at < body.len() => body[at] = self.byte(),
            _ => {
                let copy = body[at..].to_vec();
                body.extend(copy);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.next_bits() as u8
    }

    fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next_bits() >> 16) % end.max(1)
    }

    fn next_bits(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
