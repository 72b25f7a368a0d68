"""What a read-only SQL statement may name: tables, functions, types. What it is judged by stands in `allowlist`.

Functions are sorted by what they do to the size of a value, because the engine's memory limit does not cover texts
and lists while they are being built. A name that stands nowhere here is refused.
"""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The five tables of the contract and what is made of them, as `storage.embedded.questions` shows them.
TABLES = {
    "events": ("id", "event_type", "user_id", "session_id", "properties", "created_at", "props"),
    "ab_tests": ("id", "test_name", "description", "created_at"),
    "ab_variants": ("id", "test_id", "variant_name", "description", "weight", "created_at"),
    "ab_assignments": ("id", "user_id", "test_id", "variant_id", "assigned_at"),
    "ab_metrics": ("id", "test_id", "variant_id", "metric_name", "value", "created_at", "user_id"),
    "persons": ("id", "first_seen", "last_seen", "events"),
    "person_ids": ("id", "person"),
}

# --- functions ------------------------------------------------------------------------------------

# The result is a number, a truth value, an instant or a short name, whatever the arguments hold.
FIXED = words(
    """
    - * / // % ** ^ & | << >> ~ @ = != <> < <= > >= ~~ !~~ ~~* !~~* ~~~ ^@ && @> <@
    like_escape not_like_escape ilike_escape not_ilike_escape
    abs acos acosh asin asinh atan atan2 atanh cbrt ceil ceiling cos cosh cot degrees divide even exp
    factorial floor fmod gamma gcd greatest_common_divisor lcm least_common_multiple lgamma ln log log10 log2 mod pi
    pow power radians random round round_even roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor
    isfinite isinf isnan bit_count
    age century date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear
    julian last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz
    microsecond millennium millisecond minute month monthname nanosecond quarter second time_bucket timezone
    timezone_hour timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia
    to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years week weekday
    weekofyear year yearweek now today current_date current_localtime current_localtimestamp get_current_time
    get_current_timestamp transaction_timestamp strptime try_strptime
    array_length ascii bit_length char_length character_length contains ends_with ord octet_length
    instr len length length_grapheme list_contains list_has list_has_all list_has_any array_contains array_has
    array_has_all array_has_any list_indexof list_position array_indexof array_position position prefix
    regexp_full_match regexp_matches starts_with strlen strpos suffix unicode
    json_array_length json_contains json_exists json_type json_valid
    variant_array_length variant_contains variant_exists variant_typeof map_contains struct_contains cardinality typeof
    hash md5 md5_number sha1 sha256 uuid gen_random_uuid uuidv4 uuidv7
    approx_count_distinct avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop
    covar_samp entropy favg fsum geomean geometric_mean kahan_sum kurtosis kurtosis_pop product regr_avgx regr_avgy
    regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp
    sum sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg
    cume_dist dense_rank ntile percent_rank rank rank_dense row_number
    list_avg list_count list_sum list_stddev_pop list_stddev_samp list_var_pop list_var_samp
    """
)

# The result is one of the arguments or a part of one. Those of JOINING are sums of numbers, but join lists too.
JOINING = words("+ add date_add")
FLAT = JOINING | words(
    """
    coalesce greatest if ifnull least nullif any_value arbitrary first last min max mode median mad quantile
    quantile_cont quantile_disc approx_quantile
    arg_max arg_max_null arg_min arg_min_null argmax argmin max_by min_by
    first_value last_value nth_value lag lead fill unnest
    lower lcase upper ucase trim ltrim rtrim left left_grapheme right right_grapheme reverse substr substring
    substring_grapheme split_part strip_accents nfc_normalize translate chr
    regexp_extract
    ->> json_extract json_extract_path json_extract_path_text json_extract_string json_value json_keys
    variant_extract variant_extract_string variant_keys struct_extract struct_extract_at struct_keys struct_values
    array_extract list_extract list_element element_at map_extract map_extract_value map_keys map_values map_entries
    list_distinct array_distinct list_unique array_unique list_sort array_sort list_reverse_sort array_reverse_sort
    list_reverse array_reverse list_slice array_slice list_intersect array_intersect list_first list_last list_min
    list_max list_median list_mode list_any_value array_pop_back array_pop_front
    """
)

# The result may be as long as all arguments together, that many times over.
GROWING = {
    **dict.fromkeys(("||", "concat", "concat_ws", "list_concat", "array_concat", "list_cat", "array_cat"), 1),
    **dict.fromkeys(("list_append", "array_append", "array_push_back", "list_prepend", "array_prepend"), 1),
    "array_push_front": 1,
    **dict.fromkeys(("list_value", "list_pack", "array_value", "row", "struct_pack", "map"), 2),
    **dict.fromkeys(("json_object", "json_array", "to_json", "json_quote", "row_to_json", "array_to_json"), 2),
    **dict.fromkeys(("base64", "to_base64", "hex", "to_hex", "from_base64", "from_hex", "unhex"), 2),
    "strftime": 2,
    **dict.fromkeys(("url_encode", "url_decode"), 3),
    **dict.fromkeys(("str_split", "string_split", "string_to_array", "split", "regexp_extract_all"), 4),
    **dict.fromkeys(("str_split_regex", "string_split_regex", "regexp_split_to_array"), 4),
}

# The first argument, with a text of the statement put in again and again: where that text stands among the arguments.
REPLACING = {"replace": 2, "regexp_replace": 2, "array_to_string": 1}

# The result holds a value of every row. The engine's memory limit covers it, but nothing may grow it further.
GATHERING = words(
    "list array_agg string_agg group_concat listagg json_group_array json_group_object histogram approx_top_k"
)

# With so many arguments these keep the n best rows, not one: they gather.
BEST_OF = {"min": 2, "max": 2, "mode": 2} | dict.fromkeys(
    ("arg_max", "arg_max_null", "arg_min", "arg_min_null", "argmax", "argmin", "max_by", "min_by"), 3
)

# Macros of the engine that name an argument more than once: what is given to them is planned twice or more.
REPEATING = {
    **dict.fromkeys(("nullif", "array_to_string", "array_pop_back", "json_group_array", "json_group_object"), 2),
    **dict.fromkeys(("fmod", "split_part", "weighted_avg", "wavg"), 2),
}

# In FROM only.
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each"})

# --- types ----------------------------------------------------------------------------------------

# Casting to any of these gives a value of bounded size.
FIXED_TYPES = words(
    """
    boolean bool logical tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint
    int int1 int2 int4 int8 int16 int32 int64 int128 long short signed uint8 uint16 uint32 uint64 uint128
    real float float4 float8 double decimal numeric dec
    date time timetz time_ns timestamp timestamptz timestamp_s timestamp_ms timestamp_ns timestamp_us datetime
    interval uuid
    """
) | {"time with time zone", "timestamp with time zone"}
TEXT_TYPES = frozenset({"varchar", "text", "string", "char", "bpchar", "character varying", "nvarchar"})
# These may spell a value longer than it was: quotes, escapes, a separator an element.
GROWING_TYPES = {"json": 2, "blob": 4, "bytea": 4, "list": 4, "struct": 2, "row": 2}

# --- the shapes of a parse tree -------------------------------------------------------------------

OPERATORS = words(
    """
    OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE OPERATOR_TRY OPERATOR_UNPACK COMPARE_IN
    COMPARE_NOT_IN ARRAY_EXTRACT ARRAY_SLICE STRUCT_EXTRACT ARRAY_CONSTRUCTOR GROUPING_FUNCTION
    """
)
# Expressions that pass the largest of their parts on.
PLAIN = frozenset({"CASE", "COMPARISON", "CONJUNCTION", "BETWEEN", "COLLATE", "POSITIONAL_REFERENCE"})
# What stands between a query and its expressions and is no expression itself.
FRAMES = words(
    """
    ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER
    ORDER_DEFAULT ORDER_ASCENDING ORDER_DESCENDING ASCENDING DESCENDING
    """
)
