struct Users {
    shard: u16,
    #[cfg(unix)]
    path: String,
    events: Invalidator<UserEvent>,
}
#[allow(unused_qualifications)]
const _: () = {
    use ::other as __rt;
    use __rt::__private as __p;
    const __CHANNEL: &::core::primitive::str = channels::USERS;
    const _: () = __p::check_channel(__CHANNEL);
    static __DECLARED: __p::DeclaredChannel = __p::DeclaredChannel::new::<
        <UserEvent as __rt::InvalidationEvent>::Itself,
    >(
            __CHANNEL,
            ::core::concat!(::core::module_path!(), "::Users"),
            ::core::file!(),
            ::core::line!(),
            ::core::column!(),
            __p::Logging {
                subscription: true,
                events: true,
                publish: false,
            },
        )
        .on_rejected(__p::OnRejected::Flush);
    __p::inventory::submit! {
        & __DECLARED
    }
    impl Users {
        /// Creates the service on a bus. It sends and receives nothing until it is used.
        ///
        /// A program may create any number of them, on one bus or on several.
        #[must_use = "a service does nothing by itself"]
        fn connect(bus: &__rt::Bus, shard: u16, #[cfg(unix)] path: String) -> Self {
            Self {
                shard,
                #[cfg(unix)]
                path,
                events: __rt::service::Invalidator::new(bus, &__DECLARED),
            }
        }
    }
    #[automatically_derived]
    impl ::core::ops::Deref for Users {
        #[cfg(not(doc))]
        type Target = __rt::service::Invalidator<
            <UserEvent as __rt::InvalidationEvent>::Itself,
        >;
        #[cfg(doc)]
        type Target = __rt::service::Invalidator<UserEvent>;
        fn deref(&self) -> &Self::Target {
            &self.events
        }
    }
    #[automatically_derived]
    impl __rt::service::Service for Users {
        #[cfg(not(doc))]
        type Event = <UserEvent as __rt::InvalidationEvent>::Itself;
        #[cfg(doc)]
        type Event = UserEvent;
        const CHANNEL: &'static ::core::primitive::str = __CHANNEL;
        fn invalidator(&self) -> &__rt::service::Invalidator<Self::Event> {
            &self.events
        }
    }
};
