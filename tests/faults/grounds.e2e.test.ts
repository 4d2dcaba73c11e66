import { cellsOfGrounds } from "./all-cells.ts";
import { testCells } from "./test-cells.ts";

testCells(cellsOfGrounds);
