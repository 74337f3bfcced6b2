"""The DatacenterController of the cell-based emulation framework, word for word."""

import xmlrpc.client


class DatacenterController:
    def __init__(self):
        self.cells = {}           # cell_id -> xmlrpc proxy
        self.links = {}           # link_id -> ((cell1, port1), (cell2, port2))

    def add_cell(self, cell_id, rpc_url):
        self.cells[cell_id] = xmlrpc.client.ServerProxy(rpc_url)
        print(f"[DC] Added cell {cell_id}")

    def remove_cell(self, cell_id):
        if cell_id not in self.cells:
            print(f"[DC] Cell {cell_id} not found")
            return

        # Remove links involving this cell
        to_remove = [lid for lid, ((c1, _), (c2, _)) in self.links.items()
                     if c1 == cell_id or c2 == cell_id]
        for lid in to_remove:
            self.remove_link(lid)

        try:
            self.cells[cell_id].shutdown()
        except Exception as e:
            print(f"[DC] Warning: failed to shutdown {cell_id}: {e}")
        del self.cells[cell_id]
        print(f"[DC] Removed cell {cell_id}")

    def add_link(self, link_id, cell1_id, port1, cell2_id, port2,
                 sock_path):
        server_cfg = {
            "port_name": port1,
            "unix_socket": {"path": sock_path, "mode": "server"}
        }
        client_cfg = {
            "port_name": port2,
            "unix_socket": {"path": sock_path, "mode": "client"}
        }

        self.cells[cell1_id].bind_port(port1, server_cfg)
        self.cells[cell2_id].bind_port(port2, client_cfg)

        self.links[link_id] = ((cell1_id, port1), (cell2_id, port2))
        print(f"[DC] Added link {link_id}: {cell1_id}:{port1} ↔ {cell2_id}:{port2}")

    def remove_link(self, link_id):
        if link_id not in self.links:
            print(f"[DC] Link {link_id} not found")
            return

        (c1, p1), (c2, p2) = self.links[link_id]
        self.cells[c1].unbind_port(p1)
        self.cells[c2].unbind_port(p2)
        del self.links[link_id]
        print(f"[DC] Removed link {link_id}")

    def get_cell_status(self, cell_id):
        try:
            return self.cells[cell_id].heartbeat()
        except Exception:
            return "unreachable"

    def get_link_status(self, link_id):
        if link_id not in self.links:
            return "unknown"

        (c1, p1), (c2, p2) = self.links[link_id]
        try:
            s1 = self.cells[c1].link_status(p1)  # new RPC hook inside cell
        except Exception:
            s1 = "unreachable"

        try:
            s2 = self.cells[c2].link_status(p2)
        except Exception:
            s2 = "unreachable"

        return {"endpoints": [(c1, p1), (c2, p2)], "status": [s1, s2]}

    def get_topology(self):
        return {
            "cells": list(self.cells.keys()),
            "links": {
                lid: {"endpoints": [f"{c1}:{p1}", f"{c2}:{p2}"]}
                for lid, ((c1, p1), (c2, p2)) in self.links.items()
            }
        }
