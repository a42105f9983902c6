#[allow(deprecated)]
const _: () = {
    use ::other::runtime as __rt;
    use __rt::__private as __p;
    static __SCHEMA: __rt::event::EventSchema = __rt::event::EventSchema::new(
        "Settings",
        "kind",
        &[
            __rt::event::VariantSchema::new(
                "Greeting",
                "say \"hi\"",
                "{\"kind\":\"say \\\"hi\\\"\"",
                &[
                    __rt::event::FieldSchema::new(
                            "type",
                            "type",
                            ",\"type\":",
                            "u8",
                            false,
                        )
                        .typed(__p::typed::<u8>()),
                    __rt::event::FieldSchema::new(
                            "list",
                            "listOf",
                            ",\"listOf\":",
                            "Vec<Key>",
                            true,
                        )
                        .typed(__p::typed::<<Vec<Key> as __p::FieldType>::Itself>()),
                ],
            ),
            __rt::event::VariantSchema::new(
                "Ids",
                "ids",
                "{\"kind\":\"ids\"",
                &[
                    __rt::event::FieldSchema::new("id", "id", ",\"id\":", "u64", false)
                        .typed(__p::typed_as_string::<u64>()),
                    __rt::event::FieldSchema::new(
                            "more",
                            "more",
                            ",\"more\":",
                            "Vec<u64>",
                            true,
                        )
                        .typed(__p::typed_as_string::<Vec<u64>>()),
                    __rt::event::FieldSchema::new(
                            "other",
                            "other",
                            ",\"other\":",
                            "Id",
                            false,
                        )
                        .typed(__p::typed_as_string::<<Id as __p::AsString>::Itself>()),
                ],
            ),
            __rt::event::VariantSchema::new("Old", "old", "{\"kind\":\"old\"", &[]),
            __rt::event::VariantSchema::new("Every", "every", "{\"kind\":\"every\"", &[]),
        ],
        3,
    );
    use __p::NoOption as _;
    const _: () = __p::refuse_option(<__p::Probe<Vec<Key>>>::IS_OPTION);
    const _: () = __p::refuse_option(<__p::Probe<Id>>::IS_OPTION);
    #[automatically_derived]
    impl __rt::InvalidationEvent for Settings {
        const SCHEMA: &'static __rt::event::EventSchema = &__SCHEMA;
        type Itself = Self;
        type Methods = SettingsMethods;
        #[inline]
        fn decode_within(
            payload: &[::core::primitive::u8],
            max_payload: ::core::primitive::usize,
        ) -> ::core::result::Result<Self, __rt::event::Rejection> {
            let mut members = [__p::Member::EMPTY; 3];
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
                        Self::Greeting {
                            r#type: match __p::field(&__SCHEMA, 0, 0, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                            list: match __p::field::<
                                <Vec<Key> as __p::FieldType>::Itself,
                            >(&__SCHEMA, 0, 1, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                        }
                    }
                    1 => {
                        Self::Ids {
                            id: match __p::field_as_string(&__SCHEMA, 1, 0, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                            more: match __p::field_as_string(&__SCHEMA, 1, 1, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                            other: match __p::field_as_string::<
                                <Id as __p::AsString>::Itself,
                            >(&__SCHEMA, 1, 2, &members) {
                                ::core::result::Result::Ok(value) => value,
                                ::core::result::Result::Err(error) => {
                                    return ::core::result::Result::Err(error);
                                }
                            },
                        }
                    }
                    2 => Self::Old {},
                    _ => Self::r#Every,
                },
            )
        }
        #[inline]
        fn encode_into(
            &self,
            out: &mut ::std::vec::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __rt::event::EncodeError> {
            match self {
                Self::Greeting { r#type: f0, list: f1 } => {
                    __p::Writer::new(&__SCHEMA, 0, out)
                        .field(0, f0)
                        .field::<<Vec<Key> as __p::FieldType>::Itself>(1, f1)
                        .finish()
                }
                Self::Ids { id: f0, more: f1, other: f2 } => {
                    __p::Writer::new(&__SCHEMA, 1, out)
                        .field_as_string(0, f0)
                        .field_as_string(1, f1)
                        .field_as_string::<<Id as __p::AsString>::Itself>(2, f2)
                        .finish()
                }
                Self::Old { .. } => __p::Writer::new(&__SCHEMA, 2, out).finish(),
                Self::r#Every { .. } => __p::Writer::new(&__SCHEMA, 3, out).finish(),
            }
        }
        #[inline]
        fn all() -> Self {
            Self::r#Every
        }
        #[inline]
        fn variant(&self) -> ::core::primitive::usize {
            match self {
                Self::Greeting { .. } => 0,
                Self::Ids { .. } => 1,
                Self::Old { .. } => 2,
                Self::r#Every { .. } => 3,
            }
        }
    }
    #[doc(hidden)]
    pub(crate) struct SettingsMethods(__p::Publisher<Settings>);
    #[allow(dead_code)]
    impl SettingsMethods {
        #[inline]
        /**Publishes `Settings::Greeting`: `{"kind":"say \"hi\"","type":…,"listOf":…}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        pub(crate) fn say_hi(
            &self,
            r#type: u8,
            list: Vec<Key>,
        ) -> __rt::service::Publishing<'_> {
            self.0.publish(Settings::Greeting { r#type, list })
        }
        #[inline]
        /**Publishes `Settings::Ids`: `{"kind":"ids","id":"…","more":["…"],"other":"…"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        pub(crate) fn invalidate_ids(
            &self,
            id: u64,
            more: Vec<u64>,
            other: Id,
        ) -> __rt::service::Publishing<'_> {
            self.0.publish(Settings::Ids { id, more, other })
        }
        #[inline]
        /**Publishes `Settings::Old`: `{"kind":"old"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        #[deprecated(note = "use Greeting")]
        pub(crate) fn invalidate_old(&self) -> __rt::service::Publishing<'_> {
            self.0.publish(Settings::Old {})
        }
        #[inline]
        /**Publishes `Settings::Every`: `{"kind":"every"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
        pub(crate) fn invalidate_every(&self) -> __rt::service::Publishing<'_> {
            self.0.publish(Settings::r#Every)
        }
    }
    #[automatically_derived]
    impl __p::EventMethods<Settings> for SettingsMethods {
        #[inline]
        fn new(publisher: __p::Publisher<Settings>) -> Self {
            Self(publisher)
        }
    }
};
#[cfg(doc)]
/**The methods that every service of [`Settings`] offers.

A service dereferences to these methods, so they need no import. This trait exists in documentation only.*/
pub(crate) trait SettingsMethods: ::other::runtime::service::Service<Event = Settings> {
    /**Publishes `Settings::Greeting`: `{"kind":"say \"hi\"","type":…,"listOf":…}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    fn say_hi(
        &self,
        r#type: u8,
        list: Vec<Key>,
    ) -> ::other::runtime::service::Publishing<'_> {
        loop {}
    }
    /**Publishes `Settings::Ids`: `{"kind":"ids","id":"…","more":["…"],"other":"…"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    fn invalidate_ids(
        &self,
        id: u64,
        more: Vec<u64>,
        other: Id,
    ) -> ::other::runtime::service::Publishing<'_> {
        loop {}
    }
    /**Publishes `Settings::Old`: `{"kind":"old"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    #[deprecated(note = "use Greeting")]
    fn invalidate_old(&self) -> ::other::runtime::service::Publishing<'_> {
        loop {}
    }
    /**Publishes `Settings::Every`: `{"kind":"every"}`.

The event is published when the returned future is awaited. This instance's inline subscribers see the event first; handlers, here and on other instances, get it through the bus.

# Errors

When the event cannot be encoded or is too large; when the server is away, refuses it or does not answer in time; when the bus is closed; or when a cache in Redis could not evict.

# Cancel safety

If the future is dropped before it is done, the event may or may not have left.*/
    fn invalidate_every(&self) -> ::other::runtime::service::Publishing<'_> {
        loop {}
    }
}
#[cfg(doc)]
impl<S: ::other::runtime::service::Service<Event = Settings>> SettingsMethods for S {}
