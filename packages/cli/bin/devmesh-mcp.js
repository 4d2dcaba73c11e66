#!/usr/bin/env node
// The commands run from source here, and from what was built where they are installed.
import "@devmesh/cli/devmesh-mcp";
