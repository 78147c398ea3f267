import fc from "fast-check";
import { expect, test } from "vitest";
import { counter } from "../../src/engine/attributes/counter.ts";
import { Schema } from "../../src/engine/attributes/schema.ts";
import { sync, TestWorld } from "../support/replica.ts";

const change = fc.integer({ min: -100, max: 100 });
const declared = { attributes: { n: counter() } };

test("[D9] concurrent changes of a counter always add up, also of many requests on one node, compacted or not", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -5, max: 5 }),
      fc.array(fc.record({ at: fc.nat(2), by: change, compact: fc.boolean() })),
      (start, todo) => {
        const world = new TestWorld(1, declared);
        const replicas = [world.replica(), world.replica(), world.replica()] as const;
        replicas[0].edit((data) => (data["n"] = start));
        for (const other of replicas.slice(1)) other.take(replicas[0].record());
        // All requests begin before any of them commits.
        const requests = todo.map(({ at, by, compact }) => ({
          replica: replicas[at as 0 | 1 | 2],
          request: replicas[at as 0 | 1 | 2].request(),
          by,
          compact,
        }));
        for (const { replica, request, by, compact } of requests) {
          request.data["n"] = (request.data["n"] as number) + by;
          request.commit();
          if (compact) replica.compact();
        }
        sync(...replicas);
        expect(replicas[0].plain()).toEqual({ n: todo.reduce((sum, { by }) => sum + by, start) });
      },
    ),
  );
});

test("[D9] setting a counter always adds the difference to what the request saw; 0 takes away what it saw", () => {
  fc.assert(
    fc.property(change, change, fc.oneof(fc.constant(0), change), (start, added, value) => {
      const world = new TestWorld(1, declared);
      const [left, right] = [world.replica(), world.replica()];
      left.edit((data) => (data["n"] = start));
      right.take(left.record());
      left.edit((data) => (data["n"] = (data["n"] as number) + added), 10);
      right.edit((data) => (data["n"] = value), 11);
      sync(left, right);
      expect(left.plain()).toEqual({ n: start + added + (value - start) });
    }),
  );
});

test("[D9] a number found under counter() is always its starting value, and two nodes that count on from it at once add up", () => {
  fc.assert(
    fc.property(change, change, change, fc.boolean(), (found, ours, theirs, compact) => {
      const world = new TestWorld(1, declared);
      const [left, right] = [world.replica(), world.replica()];
      // Written by a node of the release before, which had no declaration.
      const before = world.replica(new Schema());
      before.edit((data) => (data["n"] = found));
      if (compact) before.compact();
      for (const replica of [left, right]) replica.take(before.record());
      expect(left.plain()).toEqual({ n: found });
      left.edit((data) => (data["n"] = found + ours), 10);
      right.edit((data) => (data["n"] = found + theirs), 11);
      sync(left, right);
      // A request that left the number as it was wrote nothing.
      expect(left.plain()).toEqual({ n: found + ours + theirs });
    }),
  );
});

test("[D1] [D9] nodes with different declarations always converge, and no increment of a counter is lost on the way", () => {
  const at = fc.record({ declared: fc.boolean(), by: change });
  fc.assert(
    fc.property(fc.array(at, { maxLength: 8 }), (todo) => {
      const world = new TestWorld(1, declared);
      const [left, right] = [world.replica(), world.replica(new Schema())];
      left.edit((data) => (data["n"] = 1));
      right.take(left.record());
      let sum = 1;
      for (const { declared: isDeclared, by } of todo) {
        (isDeclared ? left : right).edit((data) => (data["n"] = (data["n"] as number) + by));
        sum += by;
      }
      sync(left, right);
      // The kind is in the cell: a node without the declaration counts, too.
      expect([left.plain(), right.plain()]).toEqual([{ n: sum }, { n: sum }]);
    }),
  );
});

test("[D9] a counter that is removed and begun again counts from 0, and a late increment of the old one does not come back", () => {
  fc.assert(
    fc.property(
      change.filter((by) => by !== 0),
      change.filter((by) => by !== 0),
      change,
      fc.boolean(),
      (start, late, again, compact) => {
        const world = new TestWorld(1, declared);
        const [left, right] = [world.replica(), world.replica()];
        left.edit((data) => (data["n"] = start));
        right.take(left.record());
        left.edit((data) => delete data["n"], 10);
        if (compact) left.compact();
        left.edit((data) => (data["n"] = again), 20);
        right.edit((data) => (data["n"] = (data["n"] as number) + late), 11);
        sync(left, right);
        expect(left.plain()).toEqual({ n: again });
      },
    ),
  );
});
