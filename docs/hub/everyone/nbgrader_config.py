"""What nbgrader has to know, for teachers and students alike: which course, and where its exchange is."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "coursekit"
c.Exchange.root = "/srv/nbgrader/exchange"
