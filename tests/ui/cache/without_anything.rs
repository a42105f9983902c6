use cache_runtime::CoherentCache;

fn main() {
    let _cache = CoherentCache::<String, String>::builder("user-names").build();
}
