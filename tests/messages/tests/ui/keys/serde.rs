use cache_runtime::InvalidationEvent;

#[derive(serde::Serialize, InvalidationEvent)]
#[serde(tag = "type")]
pub enum UserEvent {
    #[serde(rename = "u")]
    User {
        #[serde(rename = "i")]
        id: String,
    },
    All,
}

fn main() {}
