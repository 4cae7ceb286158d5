/* What the service remembers of addresses. */
#include "tests/test.h"

#include "tuner/service/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 100, TRIES = 10 };

static int64_t still(const struct clock *c)
{
    (void)c;
    return 1000000;
}

static const struct clock stopped = {still, still};

static void expect_name(const char *address, const char *name)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1234)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1234)};
    char got[PEER_TEXT_MAX];
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
        peer_name((struct sockaddr *)&v6, sizeof v6, got);
    else {
        assert_int_equal(inet_pton(AF_INET, address, &v4.sin_addr), 1);
        peer_name((struct sockaddr *)&v4, sizeof v4, got);
    }
    assert_string_equal(got, name);
}

static void test_peers__an_address_is_one_and_so_is_a_network_of_ipv6(void **state)
{
    (void)state;
    expect_name("192.0.2.7", "192.0.2.7");
    expect_name("::ffff:192.0.2.7", "192.0.2.7");
    expect_name("::1", "::1");
    expect_name("2001:db8:1:2::1", "2001:db8:1:2::/64");
    expect_name("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64");
    expect_name("2001:db8:1:3::1", "2001:db8:1:3::/64");
}

static const char *nth(int i)
{
    static char name[PEER_TEXT_MAX];
    snprintf(name, sizeof name, "10.0.%d.%d", i / 250, i % 250);
    return name;
}

static void test_peers__who_is_held_to_a_limit_is_not_forgotten_for_others(void **state)
{
    (void)state;
    struct peers *p = peers_create(&stopped, PLACES);
    for (int i = 0; i < TRIES; i++) assert_false(peers_tries(p, "bad", TRIES));
    for (int i = 0; i < 100 * PLACES; i++) peers_is_flood(p, nth(i), 1e9); /* they come and go, and do no harm */
    assert_true(peers_tries(p, "bad", TRIES));
    for (int i = 0; i < 2 * PLACES; i++) peers_tries(p, nth(i), TRIES); /* more offenders than there is room for */
    assert_true(peers_tries(p, "bad", TRIES));
    assert_true(peers_tries(p, "a late one", TRIES)); /* the last ones share a place */
    peers_free(p);
}

static void test_peers__a_flood_is_counted_for_its_address_alone(void **state)
{
    (void)state;
    struct peers *p = peers_create(&stopped, PLACES);
    int let_by = 0;
    for (int i = 0; i < 1000; i++) {
        let_by += !peers_is_flood(p, "bad", 2);
        assert_false(peers_is_flood(p, "good", 1000));
    }
    assert_int_equal(let_by, 20); /* ten seconds' worth */
    peers_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers__an_address_is_one_and_so_is_a_network_of_ipv6),
        cmocka_unit_test(test_peers__who_is_held_to_a_limit_is_not_forgotten_for_others),
        cmocka_unit_test(test_peers__a_flood_is_counted_for_its_address_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
