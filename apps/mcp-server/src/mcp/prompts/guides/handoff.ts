import type { Guide } from "../guide.ts";
import { groundRules } from "./ground-rules.ts";

export const handoff: Guide = {
  name: "handoff",
  title: "Hand work on to another agent",
  description:
    "Gives a task that you hold to somebody else without losing what you found out. Take it when you have to stop, or somebody else can do it better.",
  arguments: [
    { name: "task", description: "The task's id.", isRequired: true, completes: "task" },
    {
      name: "to",
      description: "Who should go on; the mesh chooses where it is left out.",
      isRequired: false,
      completes: "agent",
    },
    { name: "reason", description: "Why you hand it on.", isRequired: false },
  ],
  text: `Hand the work on so that the next one loses no minute of what you have done. The order matters: until you let go, the task is yours and nobody else's.

1. Renew the lease with task_progress: writing the handoff takes time.
2. Bring what you changed outside into a state that somebody else can go on with: finished or undone, not half.
3. Write the handoff, for somebody who knows only the task:
   - **Where it stands**: what is done, and how you know that it works.
   - **What is left**: the next step first.
   - **What I found out**: what is not obvious, what I tried that did not work and why.
   - **Where things are**: ids of tasks and contexts, files, branches, links.
   - **Open questions**, and whom they are for.
   No secrets: say where one is kept.
4. Put it where the next one finds it:
   - task_progress with the handoff in its note or log: it stays in the task's log, whoever takes it.
   - What is true beyond this task: knowledge_add.
   - To a certain agent: message_send to it with the task's id and the handoff. It can't take the task from you: it claims it, or the mesh gives it.
5. Let go, in one of two ways:
   - **Somebody else does the whole**: task_release with the reason. The task goes back to the queue, the attempt is not counted, and you don't get it again. Only where the task asks for a certain agent does it go to that one; else to whoever fits best.
   - **A certain agent does the rest, and you answer for the result**: task_create with the rest as its input, parentAssignmentId, and the agent in its requirements; with yieldSlot, so that your lease stands still meanwhile. Its result comes to your inbox as task_resumed; then you complete yours.
6. Look once whether it was taken (task_get). If unassignedBecause says that nobody can take it, tell whoever gave the task.

After task_release record nothing for it: your fence is worth nothing any more.

${groundRules}`,
};
