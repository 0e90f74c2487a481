# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces and addresses: networks of the own project and of a host project, both stacks, alias ranges, tiers."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import REGION, ZONAL, Api, vm_body

INVALID = (400, "invalid")
SUBNETS = f"regions/{REGION}/subnetworks"
ADDRESSES = f"regions/{REGION}/addresses"


def add_network(api: Api, name: str, ip_range: str, **subnetwork: Any) -> None:
    """A custom network with one subnetwork, both of one name."""
    api.do("POST", "global/networks", {"name": name, "autoCreateSubnetworks": False, **subnetwork.pop("of_network", {})})
    api.do("POST", SUBNETS, {"name": name, "network": f"global/networks/{name}", "ipCidrRange": ip_range, **subnetwork})


def in_network(name: str, **fields: Any) -> dict[str, Any]:
    return {"subnetwork": f"{SUBNETS}/{name}", **fields}


def with_nics(name: str, *nics: dict[str, Any]) -> dict[str, Any]:
    return vm_body(name, networkInterfaces=list(nics))


def nic_of(api: Api, vm: str, number: int = 0) -> dict[str, Any]:
    return dict(api.vm(vm)["networkInterfaces"][number])


def test_the_interfaces_of_a_vm_are_in_different_networks(gce: Api):
    failed = gce.fails("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default"), in_network("default")))
    assert failed["error"]["errors"][0]["message"] == "Networks must be distinct for NICs attached to a VM."
    assert gce.refused("GET", f"{ZONAL}/instances/vm") == (404, "notFound")
    add_network(gce, "other", "10.132.0.0/20")
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default"), in_network("other")))


def test_an_internal_address_is_used_once_in_a_network(gce: Api):
    add_network(gce, "other", "10.132.0.0/20")
    address = "10.132.0.9"
    # The same range in another network has nothing to do with it.
    nics = (in_network("default", networkIP=address), in_network("other", networkIP=address))
    gce.do("POST", f"{ZONAL}/instances", with_nics("a", *nics))
    failed = gce.fails("POST", f"{ZONAL}/instances", with_nics("b", in_network("other", networkIP=address)))
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    assert failed["error"]["errors"][0]["message"] == f"IP '{address}' is already being used by another resource."


def test_an_address_within_an_alias_range_is_in_use(gce: Api):
    gce.do("POST", f"{ZONAL}/instances", with_nics("a", in_network("default", aliasIpRanges=[{"ipCidrRange": "10.132.9.0/28"}])))
    failed = gce.fails("POST", f"{ZONAL}/instances", with_nics("b", in_network("default", networkIP="10.132.9.3")))
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"


def test_the_network_of_an_interface_is_the_one_of_its_subnetwork(gce: Api):
    add_network(gce, "other", "10.9.0.0/20")
    body = with_nics("vm", in_network("other", network="global/networks/default"))
    assert gce.refused("POST", f"{ZONAL}/instances", body) == INVALID


def test_in_a_custom_network_the_subnetwork_must_be_given(gce: Api):
    add_network(gce, "other", "10.9.0.0/20")
    assert gce.refused("POST", f"{ZONAL}/instances", with_nics("vm", {"network": "global/networks/other"})) == INVALID


def test_the_users_of_an_address_are_by_network(gce: Api):
    add_network(gce, "other", "10.132.0.0/20")
    gce.do("POST", ADDRESSES, {"name": "a", "addressType": "INTERNAL", "subnetwork": f"{SUBNETS}/other", "address": "10.132.0.9"})
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default", networkIP="10.132.0.9")))
    assert gce.get(f"{ADDRESSES}/a")["status"] == "RESERVED"
    assert "users" not in gce.get(f"{ADDRESSES}/a")
    gce.do("POST", f"{ZONAL}/instances", with_nics("real", in_network("other", networkIP="10.132.0.9")))
    assert [url.rsplit("/", 1)[1] for url in gce.get(f"{ADDRESSES}/a")["users"]] == ["real"]


def test_the_same_address_is_reserved_in_each_network(gce: Api):
    add_network(gce, "other", "10.132.0.0/20")
    for name in ("default", "other"):
        gce.do("POST", ADDRESSES, {"name": name, "addressType": "INTERNAL", "subnetwork": f"{SUBNETS}/{name}", "address": "10.132.0.9"})
    body = {"name": "again", "addressType": "INTERNAL", "subnetwork": f"{SUBNETS}/other", "address": "10.132.0.9"}
    assert gce.refused("POST", ADDRESSES, body) == (400, "resourceInUseByAnotherResource")


def test_the_subnetwork_of_a_host_project_is_looked_up_there(gce: Api):
    host = Api(gce.simulator, f"{gce.project}-host")
    add_network(host, "shared", "10.7.0.0/24")
    subnetwork = f"projects/{host.project}/{SUBNETS}/shared"
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", {"subnetwork": subnetwork, "networkIP": "10.7.0.9"}))
    nic = nic_of(gce, "vm")
    assert nic["network"].endswith(f"projects/{host.project}/global/networks/shared")
    assert nic["subnetwork"].endswith(subnetwork)
    # Both projects draw from one range, and the subnetwork stays while somebody is in it.
    failed = host.fails("POST", f"{ZONAL}/instances", with_nics("other", {"subnetwork": subnetwork, "networkIP": "10.7.0.9"}))
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    assert host.refused("DELETE", f"{SUBNETS}/shared") == (400, "resourceInUseByAnotherResource")
    gce.do("POST", ADDRESSES, {"name": "mine", "addressType": "INTERNAL", "subnetwork": subnetwork, "address": "10.7.0.9"})
    assert gce.get(f"{ADDRESSES}/mine")["status"] == "IN_USE"


def test_a_subnetwork_that_the_host_project_lacks_is_not_found(gce: Api):
    body = with_nics("vm", {"subnetwork": f"projects/nobody-at-all/{SUBNETS}/shared"})
    assert gce.refused("POST", f"{ZONAL}/instances", body) == (404, "notFound")


@pytest.mark.parametrize("alias", ["10.9.0.0/28", "10.132.0.1/28", "/8", "mars"])
def test_an_alias_range_lies_within_the_subnetwork(gce: Api, alias: str):
    body = with_nics("vm", in_network("default", aliasIpRanges=[{"ipCidrRange": alias}]))
    assert gce.refused("POST", f"{ZONAL}/instances", body) == INVALID


def test_an_alias_range_of_a_secondary_range(gce: Api):
    add_network(gce, "pods", "10.8.0.0/24", secondaryIpRanges=[{"rangeName": "pods", "ipCidrRange": "10.200.0.0/16"}])
    wrong = [{"ipCidrRange": "10.8.0.16/28", "subnetworkRangeName": "pods"}, {"ipCidrRange": "10.200.0.0/28", "subnetworkRangeName": "services"}]
    for alias in wrong:
        assert gce.refused("POST", f"{ZONAL}/instances", with_nics("vm", in_network("pods", aliasIpRanges=[alias]))) == INVALID
    alias = {"ipCidrRange": "10.200.0.0/28", "subnetworkRangeName": "pods"}
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("pods", aliasIpRanges=[alias])))


def test_a_netmask_alone_takes_a_free_range(gce: Api):
    for name in ("a", "b"):
        gce.do("POST", f"{ZONAL}/instances", with_nics(name, in_network("default", aliasIpRanges=[{"ipCidrRange": "/28"}])))
    ranges = [nic_of(gce, name)["aliasIpRanges"][0]["ipCidrRange"] for name in ("a", "b")]
    assert ranges == ["10.132.0.16/28", "10.132.0.32/28"]


def test_an_alias_range_that_is_added_is_checked_too(gce: Api):
    gce.do("POST", f"{ZONAL}/instances", with_nics("a", in_network("default", aliasIpRanges=[{"ipCidrRange": "10.132.9.0/28"}])))
    gce.create_vm("b")
    body = {"fingerprint": nic_of(gce, "b")["fingerprint"], "aliasIpRanges": [{"ipCidrRange": "10.9.0.0/28"}]}
    assert gce.refused("PATCH", f"{ZONAL}/instances/b/updateNetworkInterface", body, networkInterface="nic0") == INVALID
    body["aliasIpRanges"] = [{"ipCidrRange": "10.132.9.0/28"}]
    failed = gce.fails("PATCH", f"{ZONAL}/instances/b/updateNetworkInterface", body, networkInterface="nic0")
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"


def test_both_stacks_need_a_subnetwork_that_has_both(gce: Api):
    body = with_nics("vm", in_network("default", stackType="IPV4_IPV6"))
    assert gce.refused("POST", f"{ZONAL}/instances", body) == INVALID
    add_network(gce, "six", "10.6.0.0/24", stackType="IPV4_IPV6", ipv6AccessType="EXTERNAL")
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("six", stackType="IPV4_IPV6", ipv6AccessConfigs=[{"type": "DIRECT_IPV6"}])))
    config = nic_of(gce, "vm")["ipv6AccessConfigs"][0]
    assert config["externalIpv6PrefixLength"] == 96
    assert config["externalIpv6"].startswith("2600:1900:4000:")


def test_an_interface_of_one_stack_has_no_ipv6(gce: Api):
    body = with_nics("vm", in_network("default", ipv6AccessConfigs=[{"type": "DIRECT_IPV6"}]))
    assert gce.refused("POST", f"{ZONAL}/instances", body) == INVALID


def test_an_internal_ipv6_address_is_given_and_kept(gce: Api):
    add_network(gce, "six", "10.6.0.0/24", stackType="IPV4_IPV6", ipv6AccessType="INTERNAL", of_network={"enableUlaInternalIpv6": True})
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("six", stackType="IPV4_IPV6")))
    address = nic_of(gce, "vm")["ipv6Address"]
    gce.do("POST", f"{ZONAL}/instances/vm/stop")
    assert nic_of(gce, "vm")["ipv6Address"] == address
    failed = gce.fails("POST", f"{ZONAL}/instances", with_nics("other", in_network("six", stackType="IPV4_IPV6", ipv6Address=address)))
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"


def test_a_subnetwork_with_ipv6_says_which_access_it_has(gce: Api):
    gce.do("POST", "global/networks", {"name": "six", "autoCreateSubnetworks": False})
    body = {"name": "six", "network": "global/networks/six", "ipCidrRange": "10.6.0.0/24", "stackType": "IPV4_IPV6"}
    assert gce.refused("POST", SUBNETS, body) == INVALID
    assert gce.refused("POST", SUBNETS, {**body, "ipv6AccessType": "INTERNAL"}) == INVALID


def test_an_external_ipv6_address_must_be_reserved_before_it_is_named(gce: Api):
    add_network(gce, "six", "10.6.0.0/24", stackType="IPV4_IPV6", ipv6AccessType="EXTERNAL")

    def body(name: str, ipv6: str, length: int = 96) -> dict[str, Any]:
        config = {"type": "DIRECT_IPV6", "externalIpv6": ipv6, "externalIpv6PrefixLength": length}
        return with_nics(name, in_network("six", stackType="IPV4_IPV6", ipv6AccessConfigs=[config]))

    assert gce.refused("POST", f"{ZONAL}/instances", body("vm", "2001:db8::")) == INVALID
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("six", stackType="IPV4_IPV6", ipv6AccessConfigs=[{"type": "DIRECT_IPV6"}])))
    address = nic_of(gce, "vm")["ipv6AccessConfigs"][0]["externalIpv6"]
    wish = {"name": "kept", "ipVersion": "IPV6", "addressType": "EXTERNAL", "ipv6EndpointType": "VM", "subnetwork": f"{SUBNETS}/six", "address": address}
    gce.do("POST", ADDRESSES, wish)
    assert gce.get(f"{ADDRESSES}/kept")["status"] == "IN_USE"
    assert gce.fails("POST", f"{ZONAL}/instances", body("other", address))["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    gce.do("DELETE", f"{ZONAL}/instances/vm")
    assert gce.refused("POST", f"{ZONAL}/instances", body("vm", address, 64)) == INVALID
    gce.do("POST", f"{ZONAL}/instances", body("vm", address))
    assert gce.get(f"{ADDRESSES}/kept")["users"][0].endswith("/instances/vm")


def test_ipv6_has_no_place_in_the_access_configuration_of_ipv4(gce: Api):
    body = with_nics("vm", in_network("default", accessConfigs=[{"externalIpv6": "2001:db8::"}]))
    assert gce.refused("POST", f"{ZONAL}/instances", body) == INVALID


def test_a_standard_address_is_not_used_as_premium(gce: Api):
    gce.do("POST", ADDRESSES, {"name": "cheap", "networkTier": "STANDARD"})
    ip = gce.get(f"{ADDRESSES}/cheap")["address"]
    wanted = f"External IP address: {ip} has a different network tier STANDARD from the network tier in instance access config PREMIUM."
    response = gce.send("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default", accessConfigs=[{"natIP": ip}])))
    assert (response.status_code, response.json()["error"]["message"]) == (400, wanted)
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default")))
    response = gce.send("POST", f"{ZONAL}/instances/vm/addAccessConfig", {"natIP": ip}, networkInterface="nic0")
    assert (response.status_code, response.json()["error"]["message"]) == (400, wanted)
    gce.do("POST", f"{ZONAL}/instances/vm/addAccessConfig", {"natIP": ip, "networkTier": "STANDARD"}, networkInterface="nic0")


def test_the_domain_name_of_an_address_needs_its_switch(gce: Api):
    config = {"publicPtrDomainName": "www.example.org."}
    assert gce.refused("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default", accessConfigs=[config]))) == INVALID
    gce.do("POST", f"{ZONAL}/instances", with_nics("vm", in_network("default", accessConfigs=[{**config, "setPublicPtr": True}])))
