/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device's driver says that it can do with XDP: the netdev generic netlink family. */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include "netlink.h"
#include "netlink_request.h"

/* From linux/netdev.h, which the headers of 6.1 do not have yet. */
#define NETDEV_FAMILY		  "netdev"
#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3

struct found {
	bool is;
	__u16 attribute;
	__u64 value;
};

/* the attribute, of whatever width */
static int on_attribute(const struct nlmsghdr *message, void *arg)
{
	struct found *found = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		__u64 wide = 0;

		if (mnl_attr_get_type(attr) != found->attribute)
			continue;
		if (mnl_attr_get_payload_len(attr) == sizeof(__u16))
			wide = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_payload_len(attr) == sizeof(__u64))
			memcpy(&wide, mnl_attr_get_payload(attr), sizeof(wide));
		found->value = wide;
		found->is = true;
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *request_begin(char *buffer, __u16 family, __u8 command, __u8 version)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	message->nlmsg_type = family;
	body->cmd = command;
	body->version = version;
	return message;
}

/* -ENOENT: a kernel without the family */
static int family_number(__u16 *ret)
{
	struct found found = {.attribute = CTRL_ATTR_FAMILY_ID};
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message = request_begin(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	struct netlink_failure failure;
	int rc;

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	rc = netlink_request(NETLINK_GENERIC, message, on_attribute, &found, &failure);
	if (!rc && !found.is)
		rc = -ENOENT;
	if (!rc)
		*ret = (__u16)found.value;
	return rc;
}

/* No family to ask: most drivers set up the rings that redirected frames need when a program is attached to the device
 * itself; a tun or tap device always has them; a veth needs NAPI on its other end, which cannot be seen from here. */
static bool frames_by_kind(const struct link *l)
{
	if (!*l->kind)
		return l->xdp_mode == LINK_XDP_NATIVE;
	return !strcmp(l->kind, "tun");
}

int link_xdp_features(int ifindex, __u64 *ret, struct weir_error *err)
{
	struct found found = {.attribute = NETDEV_A_DEV_XDP_FEATURES};
	char buffer[NETLINK_MESSAGE] = {};
	struct netlink_failure failure;
	struct nlmsghdr *message;
	__u16 family;
	int rc;

	if (family_number(&family))
		return weir_fail(err, EOPNOTSUPP, "this kernel does not tell what drivers can do with XDP");
	message = request_begin(buffer, family, NETDEV_CMD_DEV_GET, 1);
	mnl_attr_put_u32(message, NETDEV_A_DEV_IFINDEX, (__u32)ifindex);
	rc = netlink_request(NETLINK_GENERIC, message, on_attribute, &found, &failure);
	if (rc)
		return netlink_fail(err, rc, "cannot ask for the XDP features of device %d: %s", ifindex, failure.text);
	*ret = found.is ? found.value : 0;
	return 0;
}

int link_takes_xdp_frames(int ifindex, bool *ret, struct weir_error *err)
{
	__u64 features;
	struct link l;
	int rc = link_xdp_features(ifindex, &features, err);

	if (!rc) {
		*ret = features & LINK_XDP_XMIT;
		return 0;
	}
	if (rc != -EOPNOTSUPP)
		return rc;
	rc = link_by_index(ifindex, &l, err);
	if (!rc)
		*ret = frames_by_kind(&l);
	return rc;
}
