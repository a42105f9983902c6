const _: () = {
    use ::cache_runtime as __rt;
    use __rt::__private as __p;
    static __SCHEMA: __rt::event::EventSchema = __rt::event::EventSchema::new(
            "ChannelActivationEvent",
            "type",
            &[
                __rt::event::VariantSchema::new(
                        "Channel",
                        "channel",
                        "{\"type\":\"channel\"",
                        &[
                            __rt::event::FieldSchema::new(
                                    "channel_id",
                                    "channelId",
                                    ",\"channelId\":",
                                    "String",
                                    false,
                                )
                                .typed(__p::typed::<String>()),
                        ],
                    )
                    .documented("One channel was switched on or off."),
                __rt::event::VariantSchema::new("All", "all", "{\"type\":\"all\"", &[]),
            ],
            1,
        )
        .documented("Which channels the bot is active in has changed.");
    #[automatically_derived]
    impl __rt::InvalidationEvent for ChannelActivationEvent {
        const SCHEMA: &'static __rt::event::EventSchema = &__SCHEMA;
        type Itself = Self;
        type Methods = ChannelActivationEventMethods;
        #[inline]
        fn decode_within(
            payload: &[::core::primitive::u8],
            max_payload: ::core::primitive::usize,
        ) -> ::core::result::Result<Self, __rt::event::Rejection> {
            let mut members = [__p::Member::EMPTY; 1];
            let variant = match __p::scan(
                &__SCHEMA,
                payload,
                max_payload,
                &mut members,
            ) {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(error) => {
                    return ::core::result::Result::Err(error);
                }
            };
            ::core::result::Result::Ok(
                match variant {
                    0 => {
                        Self::Channel {
                            channel_id: match __p::field(&__SCHEMA, 0, 0, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                        }
                    }
                    _ => Self::All,
                },
            )
        }
        #[inline]
        fn encode_into(
            &self,
            out: &mut ::std::vec::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __rt::event::EncodeError> {
            match self {
                Self::Channel { channel_id: f0 } => {
                    __p::Writer::new(&__SCHEMA, 0, out).field(0, f0).finish()
                }
                Self::All { .. } => __p::Writer::new(&__SCHEMA, 1, out).finish(),
            }
        }
        #[inline]
        fn all() -> Self {
            Self::All
        }
        #[inline]
        fn variant(&self) -> ::core::primitive::usize {
            match self {
                Self::Channel { .. } => 0,
                Self::All { .. } => 1,
            }
        }
    }
    #[doc(hidden)]
    pub struct ChannelActivationEventMethods(__p::Publisher<ChannelActivationEvent>);
    #[allow(dead_code)]
    impl ChannelActivationEventMethods {
        #[inline]
        /**Publishes `ChannelActivationEvent::Channel`: `{"type":"channel","channelId":"…"}`.

One channel was switched on or off.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        pub fn invalidate_channel(
            &self,
            channel_id: impl ::core::convert::Into<String>,
        ) -> __rt::service::Publishing<'_> {
            self.0
                .publish(ChannelActivationEvent::Channel {
                    channel_id: ::core::convert::Into::into(channel_id),
                })
        }
        #[inline]
        /**Publishes `ChannelActivationEvent::All`: `{"type":"all"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        pub fn invalidate_all(&self) -> __rt::service::Publishing<'_> {
            self.0.publish(ChannelActivationEvent::All)
        }
    }
    #[automatically_derived]
    impl __p::EventMethods<ChannelActivationEvent> for ChannelActivationEventMethods {
        #[inline]
        fn new(publisher: __p::Publisher<ChannelActivationEvent>) -> Self {
            Self(publisher)
        }
    }
};
#[cfg(doc)]
/**The methods that every service of [`ChannelActivationEvent`] offers.

A service dereferences to these methods, so they need no import. This trait exists in documentation only.*/
pub trait ChannelActivationEventMethods: ::cache_runtime::service::Service<
        Event = ChannelActivationEvent,
    > {
    /**Publishes `ChannelActivationEvent::Channel`: `{"type":"channel","channelId":"…"}`.

One channel was switched on or off.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    fn invalidate_channel(
        &self,
        channel_id: impl ::core::convert::Into<String>,
    ) -> ::cache_runtime::service::Publishing<'_> {
        loop {}
    }
    /**Publishes `ChannelActivationEvent::All`: `{"type":"all"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    fn invalidate_all(&self) -> ::cache_runtime::service::Publishing<'_> {
        loop {}
    }
}
#[cfg(doc)]
impl<
    S: ::cache_runtime::service::Service<Event = ChannelActivationEvent>,
> ChannelActivationEventMethods for S {}
