/*
 * port.h
 *	  Free ports of 127.0.0.1, below the range that the kernel gives to outgoing
 *	  connections: so that one stays ours while its server is down.
 */
#ifndef OUTBOX_COMPARE_PORT_H
#define OUTBOX_COMPARE_PORT_H

extern int port_find(void); /* 0: none */

#endif
