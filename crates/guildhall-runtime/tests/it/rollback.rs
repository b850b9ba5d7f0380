//! An older release saves what a newer one has written.

use guildhall::entity::{ActorState, Key, Row, RowChange, Value, Write};
use proto::profile::{Avatar, ProfileStateEntity, Trophy};

/// Field 15, which no release here knows.
const NEWS: &[u8] = &[0x78, 0x2a];

/// A column with one field, a message with news in it.
fn column(number: u8, message: &[u8]) -> (u32, Value) {
    let body = [message, NEWS].concat();
    let length = u8::try_from(body.len()).unwrap();
    let bytes = [&[number << 3 | 2, length][..], &body].concat();
    (u32::from(number), Value::Bytes(bytes.into()))
}

fn load(fields: Vec<(u32, Value)>) -> ProfileStateEntity {
    let row = Row { token: None, version: 1, exists: true, fields, records: Default::default() };
    ActorState::load(&Key::from("ann"), vec![row]).unwrap()
}

fn saved(profile: &mut ProfileStateEntity) -> Vec<(u32, Value)> {
    let change = profile.begin_save().pop();
    let Some(RowChange { write: Write::Update(fields), .. }) = change else {
        panic!("no update: {change:?}")
    };
    profile.saved(&[2]);
    fields
}

#[test]
fn unknown_tags_in_a_message_column_are_merged_back() {
    let avatar = prost_bytes(&Avatar { face: 1, ..Avatar::default() });
    let trophy = prost_bytes(&Trophy { name: "cup".into(), worth: 2 });
    let mut profile = load(vec![column(5, &avatar), column(7, &trophy)]);
    assert_eq!(profile.avatar.as_ref().map(|it| it.face), Some(1));
    for face in [2, 3] {
        profile.avatar_mut().face = face;
        profile.trophies_mut();
        let avatar = prost_bytes(&Avatar { face, ..Avatar::default() });
        assert_eq!(saved(&mut profile), [column(5, &avatar), column(7, &trophy)]);
    }
    profile.set_avatar(None);
    assert_eq!(saved(&mut profile), [(5, Value::Bytes(Default::default()))], "it was removed");
    profile.delete();
    profile.set_avatar(Avatar::default());
    let written = saved(&mut profile).into_iter().find(|(number, _)| *number == 5);
    assert_eq!(written, Some((5, Value::Bytes(vec![0x2a, 0].into()))), "it is another one");
}

fn prost_bytes(message: &impl guildhall::prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}
