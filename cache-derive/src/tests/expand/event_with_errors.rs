::core::compile_error! {
    "unknown key `renam`\nhelp: did you mean `rename`? expected one of: `rename`, `all`, `method`"
}
::core::compile_error! {
    "variant `Pair` has unnamed fields\nhelp: name them: `Pair { a: u8, b: u8 }`"
}
::core::compile_error! {
    "optional field `id` would make the key set vary\nhelp: split it into two variants"
}
::core::compile_error! {
    "enum `Broken` has no variant for \"everything is stale\"; handlers receive that variant when events may have been lost\nhelp: add `All`, or mark a unit variant `#[invalidation(all)]`"
}
const _: () = {
    use ::cache_runtime as __rt;
    use __rt::__private as __p;
    #[automatically_derived]
    impl __rt::InvalidationEvent for Broken {
        const SCHEMA: &'static __rt::event::EventSchema = &__rt::event::EventSchema::new(
            "Broken",
            "type",
            &[],
            0,
        );
        type Itself = Self;
        type Methods = BrokenMethods<Self>;
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
    struct BrokenMethods<E: __rt::InvalidationEvent>(__p::Publisher<E>);
    #[allow(dead_code)]
    impl<E: __rt::InvalidationEvent> BrokenMethods<E> {
        #[doc(hidden)]
        fn invalidate_user(
            &self,
            _: impl ::core::marker::Sized,
        ) -> __rt::service::Publishing<'_> {
            loop {}
        }
        #[doc(hidden)]
        fn invalidate_pair(&self, _: u8, _: u8) -> __rt::service::Publishing<'_> {
            loop {}
        }
    }
    impl<E: __rt::InvalidationEvent> __p::EventMethods<E> for BrokenMethods<E> {
        fn new(publisher: __p::Publisher<E>) -> Self {
            Self(publisher)
        }
    }
};
