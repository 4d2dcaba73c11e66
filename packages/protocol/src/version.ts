/** The frame format's version, byte 0 of every frame. Raised only as the version history in docs/protocol.md says. */
export const PROTOCOL_VERSION = 1;

/** The WebSocket subprotocol (RFC 6455, section 1.9) that the client offers and the server selects. */
export const subprotocol = "devmesh.v1";
