/// Users have changed.
#[derive(Clone, Debug)]
pub struct UserInvalidation {
    __invalidator: ::cache_runtime::__private::Handle,
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals)]
const UserInvalidation: ::cache_runtime::__private::MoveDerivesBelowCacheInvalidation = ::cache_runtime::__private::MoveDerivesBelowCacheInvalidation;
#[allow(unused_qualifications)]
const _: () = {
    use ::cache_runtime as __rt;
    use __rt::__private as __p;
    static __DECLARED: __p::DeclaredChannel = __p::DeclaredChannel::new::<
        <UserEvent as __rt::InvalidationEvent>::Itself,
    >(
        "cache:users",
        ::core::concat!(::core::module_path!(), "::UserInvalidation"),
        ::core::file!(),
        ::core::line!(),
        ::core::column!(),
        __p::Logging {
            subscription: true,
            events: true,
            publish: true,
        },
    );
    __p::inventory::submit! {
        & __DECLARED
    }
    impl UserInvalidation {
        /// Creates the service on a bus. It sends and receives nothing until it is used.
        ///
        /// A program may create any number of them, on one bus or on several.
        #[must_use = "a service does nothing by itself"]
        pub fn new(bus: &__rt::Bus) -> Self {
            Self {
                __invalidator: __p::Handle::new::<
                    <UserEvent as __rt::InvalidationEvent>::Itself,
                >(bus, &__DECLARED),
            }
        }
    }
    #[automatically_derived]
    impl ::core::ops::Deref for UserInvalidation {
        #[cfg(not(doc))]
        type Target = __rt::service::Invalidator<
            <UserEvent as __rt::InvalidationEvent>::Itself,
        >;
        #[cfg(doc)]
        type Target = __rt::service::Invalidator<UserEvent>;
        fn deref(&self) -> &Self::Target {
            self.__invalidator.get()
        }
    }
    #[automatically_derived]
    impl __rt::service::Service for UserInvalidation {
        #[cfg(not(doc))]
        type Event = <UserEvent as __rt::InvalidationEvent>::Itself;
        #[cfg(doc)]
        type Event = UserEvent;
        const CHANNEL: &'static ::core::primitive::str = "cache:users";
        fn invalidator(&self) -> &__rt::service::Invalidator<Self::Event> {
            self.__invalidator.get()
        }
    }
};
