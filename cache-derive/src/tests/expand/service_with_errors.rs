::core::compile_error! {
    "unknown key `chanel`\nhelp: did you mean `channel`? expected one of: `channel`, `event`, `crate`, `constructor`, `on_rejected`, `log_subscription`, `log_events`, `log_publish`"
}
::core::compile_error! {
    "already applied to `Users`\nhelp: merge the arguments"
}
::core::compile_error! {
    "missing `event`\nhelp: add `event = UserEvent`, or a field such as `events: Invalidator<UserEvent>`"
}
#[allow(dead_code)]
pub struct Users;
const _: () = {
    use ::cache_runtime as __rt;
    use __rt::__private as __p;
    #[doc(hidden)]
    pub enum Unknown {}
    #[automatically_derived]
    impl __rt::InvalidationEvent for Unknown {
        const SCHEMA: &'static __rt::event::EventSchema = &__rt::event::EventSchema::new(
            "Unknown",
            "type",
            &[],
            0,
        );
        type Itself = Self;
        type Methods = UnknownMethods<Self>;
        fn decode_within(
            _: &[::core::primitive::u8],
            _: ::core::primitive::usize,
        ) -> ::core::result::Result<Self, __rt::event::Rejection> {
            loop {}
        }
        fn encode_into(
            &self,
            _: &mut ::std::vec::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __rt::event::EncodeError> {
            loop {}
        }
        fn all() -> Self {
            loop {}
        }
        fn variant(&self) -> ::core::primitive::usize {
            loop {}
        }
    }
    #[doc(hidden)]
    pub struct UnknownMethods<E: __rt::InvalidationEvent>(__p::Publisher<E>);
    #[allow(dead_code)]
    impl<E: __rt::InvalidationEvent> UnknownMethods<E> {}
    impl<E: __rt::InvalidationEvent> __p::EventMethods<E> for UnknownMethods<E> {
        fn new(publisher: __p::Publisher<E>) -> Self {
            Self(publisher)
        }
    }
    impl Users {
        #[doc(hidden)]
        pub fn new(_: &__rt::Bus) -> Self {
            loop {}
        }
    }
    impl ::core::ops::Deref for Users {
        type Target = __rt::service::Invalidator<Unknown>;
        fn deref(&self) -> &Self::Target {
            loop {}
        }
    }
    impl __rt::service::Service for Users {
        type Event = Unknown;
        const CHANNEL: &'static ::core::primitive::str = "";
        fn invalidator(&self) -> &__rt::service::Invalidator<Self::Event> {
            loop {}
        }
    }
};
