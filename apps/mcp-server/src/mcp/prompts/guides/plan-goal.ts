import type { Guide } from "../guide.ts";
import { groundRules } from "./ground-rules.ts";

export const planGoal: Guide = {
  name: "plan_goal",
  title: "Make a goal into tasks",
  description:
    "Splits a goal into tasks that agents of the mesh can do, with what depends on what, submits them and follows them to the end. Take it for what is more than one agent's work.",
  arguments: [
    { name: "goal", description: "What is to be true in the end.", isRequired: true },
    { name: "constraints", description: "What must hold: time, cost, what may not be touched.", isRequired: false },
  ],
  text: `Make the goal into tasks, and see them through. A task goes to an agent that has not read this conversation, and knows nothing but its input.

## Before

1. Say in one sentence what will be true when the goal is reached, and how somebody could check it. If you can't, ask the user.
2. knowledge_search: was it done before, what went wrong? task_list: does somebody work on it already?
3. agent_list: which capabilities are there? A task that asks for what nobody can do waits for ever.

## The plan

- A task has one result that can be checked, and takes an agent minutes to an hour. Larger: split it. Smaller than the talk about it: do it in one.
- Let tasks run side by side wherever they can. One depends on another (dependsOn) only where it needs its output or must not come before.
- For each task write: type, a title of one line, an input that stands by itself (what, why, where things are, what is out of bounds, how the result is checked), the capabilities, and an outputSchema where a program or another task reads the result. Large texts go into contexts, not into inputs.
- Put a check at the end: a task that holds the result against the goal, by another agent than the one that made it.
- Set a budget, and maxAttempts 1 for what must not be done twice.

Show the plan to the user as a short list (title, capabilities, depends on) before you submit more than five tasks, or anything that costs money or reaches outside: approval_request.

## Submit and follow

1. task_create in the order of dependence, each with an idempotencyKey made of the goal and the task's place in the plan: if you are interrupted, the same calls again make nothing twice.
2. If unassignedBecause says that nobody can take a task, change its capabilities or tell the user; don't just wait.
3. task_await for what comes next. A failed task: read why. Make a better task of it; don't repeat the same one. What waits for a person (waiting): say so to the user.
4. If the goal turns out to be wrong, task_cancel what is open: it takes along what was delegated.

## In the end

Say what was reached and what was not, with the ids of the tasks. knowledge_add what the next plan should know.

${groundRules}`,
};
